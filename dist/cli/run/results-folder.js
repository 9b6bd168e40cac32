import { resolve } from 'node:path';
import { ReigniteError } from '../../toolkit/errors.js';
import { fileExists } from '../../toolkit/files/file-exists.js';
import { resultsOf } from './describe-run.js';
import { findRun } from './find-run.js';
import { onHomePlatform } from './home-platform.js';
/**
 * The folders of a run: a folder that holds a summary.json is taken as it is, without Temporal; else the run is looked
 * up, the newest unless one is named.
 *
 * @throws ReigniteError RUN_NOT_FOUND.
 */
export async function foldersOf(run, signal) {
    if (run !== undefined && (await fileExists(resolve(run, 'summary.json'))))
        return { results: resolve(run) };
    return onHomePlatform(signal, [], async ({ client }) => {
        const execution = await findRun(client, run);
        const results = resultsOf(execution);
        const data = execution.memo?.['data'];
        if (results !== undefined)
            return { results, ...(typeof data === 'string' ? { data } : {}) };
        throw new ReigniteError('RUN_NOT_FOUND', `The run ${execution.workflowId} does not say where its results lie.`, {
            remedy: 'Give the results folder instead.',
        });
    });
}
