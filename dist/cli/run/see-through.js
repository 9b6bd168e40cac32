import { WorkflowNotFoundError } from '@temporalio/client';
import { printStep } from '../output.js';
import { followRun } from './follow-run.js';
/**
 * Starts a run and follows it to its end; once more where the server's database went away under it.
 *
 * @param start - Starts the run, or attaches to the one that is open.
 * @throws What `start` and `followRun` throw.
 */
export async function seeThrough(platform, run, start, signal) {
    for (;;) {
        await start();
        try {
            return await followRun(platform, run, signal);
        }
        catch (error) {
            if (!(error instanceof WorkflowNotFoundError) || platform.server.external)
                throw error;
            printStep('The server has lost the run together with its database: it is begun anew, from the cache.');
        }
    }
}
