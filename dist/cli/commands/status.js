import { EXIT, printResult } from '../output.js';
import { describeRun, isPrediction, summaryOf } from '../run/describe-run.js';
import { findRun, RUNS_AND_PREDICTIONS } from '../run/find-run.js';
import { onHomePlatform } from '../run/home-platform.js';
import { liveStages, liveSteps } from '../run/live-stages.js';
import { stageLine } from '../run/progress-lines.js';
import { verdictLines } from '../run/verdict-lines.js';
/** A worker that has just been started answers within this time. */
const QUERY_MS = 15_000;
/** `reignite status`: how far a run or a prediction is, a stage a line; of a closed run its verdict. */
export async function statusCommand(part, { json }, signal) {
    await onHomePlatform(signal, ['orchestration'], async ({ client }) => {
        const execution = await findRun(client, part, RUNS_AND_PREDICTIONS);
        const description = await describeRun(execution);
        const isOpen = execution.status.name === 'RUNNING';
        const ask = isPrediction(execution) ? askPrediction : askRun;
        const live = isOpen ? await ask(client, execution.workflowId) : undefined;
        const summary = isOpen || isPrediction(execution) ? undefined : await summaryOf(execution);
        if (json) {
            printResult(JSON.stringify({ ...description, ...live, summary: summary ?? null }, null, 1));
            return;
        }
        const paused = live !== undefined && 'paused' in live && live.paused ? ' (paused)' : '';
        const verdicts = summary === undefined ? [] : await verdictLines(summary, description.results ?? '');
        const lines = [
            `${description.run}: ${description.status}${paused}`,
            ...(live?.stages ?? []).map(stageLine),
            ...verdicts,
        ];
        printResult(lines.join('\n'));
    });
    return EXIT.done;
}
async function askPrediction(client, id) {
    try {
        return await client.withDeadline(Date.now() + QUERY_MS, async () => ({ stages: await liveSteps(client, id) }));
    }
    catch {
        return undefined;
    }
}
async function askRun(client, id) {
    const handle = client.workflow.getHandle(id);
    try {
        return await client.withDeadline(Date.now() + QUERY_MS, async () => ({
            ...(await handle.query('control')),
            stages: await liveStages(client, id, await handle.query('progress')),
        }));
    }
    catch {
        // Nobody serves its workflows in this version: what Temporal itself knows is told.
        return undefined;
    }
}
