import { printStep } from '../output.js';
import { followKnownRun, knownRun } from '../run/follow-known-run.js';
/**
 * `reignite retry`: starts a closed run again; what is done comes from the cache, what failed is computed.
 *
 * @returns The exit status of the run.
 */
export async function retryCommand(part, { json = false }, signal) {
    const { run, isOpen } = await knownRun(part, signal);
    if (isOpen)
        printStep(`The run ${run.id} is still open: it is followed, and can be retried when it has ended.`);
    return followKnownRun(run, { start: !isOpen, json }, signal);
}
