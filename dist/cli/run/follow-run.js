import { QUEUES } from '../../config/task-queues.js';
import { ReigniteError } from '../../toolkit/errors.js';
import { readSummaryFile } from '../../toolkit/report/summary.js';
import { printResult, printStep } from '../output.js';
import { unpolledQueues } from '../temporal/pollers.js';
import { exitStatusOf } from './exit-status.js';
import { watchOn } from './on-platform.js';
import { ProgressLines } from './progress-lines.js';
import { runReport } from './run-report.js';
import { tellUnserved } from './tell-unserved.js';
import { watchRun } from './watch-run.js';
/** Who polls the queues is asked so often; seldom where this command starts the workers itself. */
const LOOK_MS = 4_000;
const OWN_WORKERS_LOOK_MS = 15_000;
const LOOK_WITHIN_MS = 2_000;
/**
 * Watches a run until it has closed.
 *
 * @returns Its summary.
 * @throws WorkflowFailedError when the run failed or was cancelled; ReigniteError FILE_MISSING without a summary.
 */
export async function followRun(platform, { id, input }, signal) {
    const { client, server } = platform;
    if (server.uiUrl !== undefined)
        printStep(`Temporal UI: ${runPage(server.uiUrl, server.namespace, id)}`);
    const lines = new ProgressLines(printStep);
    let wasPaused = false;
    const show = (stages, { paused }) => {
        if (paused && !wasPaused)
            printStep('The run is paused: `npx reignite resume` goes on.');
        if (!paused && wasPaused)
            printStep('The run goes on.');
        wasPaused = paused;
        lines.show(stages);
    };
    await watchOn(platform, signal, async (until) => {
        const over = new AbortController();
        const looking = AbortSignal.any([until, over.signal]);
        const prefix = input.config.temporal.taskQueuePrefix;
        const look = () => client.connection.withDeadline(Date.now() + LOOK_WITHIN_MS, () => unpolledQueues(client, server.namespace, prefix, QUEUES));
        const lookMs = platform.owner ? OWN_WORKERS_LOOK_MS : LOOK_MS;
        const telling = tellUnserved({ look, lookMs, taskQueuePrefix: prefix, onStep: printStep }, looking);
        try {
            await watchRun(client, id, show, until);
        }
        finally {
            over.abort();
            await telling;
        }
    });
    await client.workflow.getHandle(id).result();
    const summary = await readSummaryFile(input.folders.results);
    if (summary !== undefined)
        return summary;
    throw new ReigniteError('FILE_MISSING', `The run ended, but ${input.folders.results} holds no summary.json.`);
}
/** Tells how a run ended, as a person or as a program wants it; returns the exit status. */
export async function tellOutcome(summary, results, json) {
    if (json)
        printResult(JSON.stringify(summary, null, 1));
    else {
        printResult(await runReport(summary, results));
        printStep('History: `npx reignite ui` opens this run in the Temporal UI.');
    }
    return exitStatusOf(summary);
}
/** Address of a run's page in the Temporal UI. */
export function runPage(uiUrl, namespace, id) {
    return `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}`;
}
