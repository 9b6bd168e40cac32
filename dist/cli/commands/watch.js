import { followKnownRun, knownRun } from '../run/follow-known-run.js';
/**
 * `reignite watch`: follows a run to its end; where the command that worked on it has gone, this one does.
 *
 * @returns The exit status of the run.
 */
export async function watchCommand(part, { json = false }, signal) {
    const { run } = await knownRun(part, signal);
    return followKnownRun(run, { start: false, json }, signal);
}
