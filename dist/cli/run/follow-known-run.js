import { QUEUES } from '../../config/task-queues.js';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.js';
import { printStep } from '../output.js';
import { workerSettingsOf } from '../worker-settings.js';
import { findRun, runInputOf } from './find-run.js';
import { followRun, tellOutcome } from './follow-run.js';
import { onHomePlatform } from './home-platform.js';
import { onPlatform } from './on-platform.js';
import { startRun } from './start-run.js';
/** A run of the home with what it was started with. @throws ReigniteError RUN_NOT_FOUND. */
export async function knownRun(part, signal) {
    return onHomePlatform(signal, [], async ({ client }) => {
        const execution = await findRun(client, part);
        const input = await runInputOf(client, execution);
        return { run: { id: execution.workflowId, input }, isOpen: execution.status.name === 'RUNNING' };
    });
}
/**
 * Follows a run to its end, on a platform of its own where no other command works on it, and tells the outcome.
 *
 * @param options.start - Whether it is started again first.
 * @returns The exit status of the run.
 */
export async function followKnownRun(run, { start, json }, signal) {
    const settings = workerSettingsOf(run.input.config);
    const platformOptions = { home: homeFromEnvironment(), settings, queues: QUEUES, onStep: printStep, signal };
    let toStart = start;
    const summary = await onPlatform(platformOptions, async (platform) => {
        if (toStart)
            await startRun(platform.client, platform.server, run, printStep);
        toStart = false;
        return followRun(platform, run, signal);
    });
    return tellOutcome(summary, run.input.folders.results, json);
}
