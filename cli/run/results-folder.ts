import { resolve } from 'node:path';
import { resultsOf } from '../../runtime/run/describe-run.ts';
import { findRun } from '../../runtime/run/find-run.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { fileExists } from '../../toolkit/files/file-exists.ts';
import { readSummaryFile } from '../../toolkit/report/summary.ts';
import { withHomeServer } from './with-home-server.ts';

/** Where a run's results lie, and its record; the latter is not known of a folder that somebody names. */
export interface KnownFolders {
  readonly results: string;
  readonly data?: string;
  /** The run while it is open: its results are not complete yet. */
  readonly openRun?: string;
}

/**
 * The folders of a run: a folder that holds a summary.json is taken as it is, without Temporal; else the run is looked
 * up, the newest unless one is named.
 *
 * @throws ReigniteError RUN_NOT_FOUND.
 */
export async function foldersOf(run: string | undefined, signal: AbortSignal): Promise<KnownFolders> {
  if (run !== undefined && (await fileExists(resolve(run, 'summary.json')))) {
    const results = resolve(run);
    const summary = await readSummaryFile(results);
    return { results, ...(summary?.status === 'running' && { openRun: summary.run }) };
  }
  return withHomeServer(signal, [], async ({ client }) => {
    const execution = await findRun(client, run);
    const results = resultsOf(execution);
    const data: unknown = execution.memo?.['data'];
    if (results !== undefined) {
      const openRun = execution.status.name === 'RUNNING' ? { openRun: execution.workflowId } : {};
      return { results, ...openRun, ...(typeof data === 'string' ? { data } : {}) };
    }
    throw new ReigniteError('RUN_NOT_FOUND', `The run ${execution.workflowId} does not say where its results lie.`, {
      remedy: 'Give the results folder instead.',
    });
  });
}
