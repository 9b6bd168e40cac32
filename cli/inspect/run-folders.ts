import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { loadConfig } from '../../runtime/load-config.ts';
import { resultsOf } from '../../runtime/run/describe-run.ts';
import { findRun } from '../../runtime/run/find-run.ts';
import { resolveRun } from '../../runtime/run/resolve-run.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { recordedFolders } from '../../toolkit/files/allowed-places.ts';
import { fileExists, statIfThere } from '../../toolkit/files/file-access.ts';
import { homeFromEnvironment } from '../../toolkit/files/folders.ts';
import { isPredictionFolder } from '../../toolkit/predict/prediction-summary.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { withHomeServer } from '../with-home-server.ts';

/** A run's results folder and its record. The record is unknown if the user named a folder. */
export interface KnownFolders {
  readonly results: string;
  readonly data?: string;
  /** The run, if it is still open: its results are not complete yet. */
  readonly openRun?: string;
}

const PREDICTION_REMEDY =
  'Name the results folder of a run. For a folder of predict: `npx reignite compare` compares it with another one, and ' +
  'the same `npx reignite predict` again rewrites its files.';

/**
 * Finds the folders of a run. A folder that contains a summary.json is used directly, without Temporal; otherwise the
 * run is looked up, by default the newest.
 *
 * @throws ReigniteError RUN_NOT_FOUND; FILE_MISSING if the results folder of the run is gone; USAGE for a folder of
 *   predictions.
 */
export async function foldersOf(run: string | undefined, signal: AbortSignal): Promise<KnownFolders> {
  if (run !== undefined && (await fileExists(resolve(run, 'summary.json')))) {
    const results = resolve(run);
    const summary = await RESULTS.summary.readIfValid(results);
    if (summary === undefined && (await isPredictionFolder(results))) {
      throw new ReigniteError('USAGE', `${results} is a folder of predict, not of a run.`, {
        remedy: PREDICTION_REMEDY,
      });
    }
    return { results, ...(summary?.status === 'running' && { openRun: summary.run }) };
  }
  return withHomeServer(signal, [], async ({ client }) => {
    const execution = await findRun(client, run);
    const results = resultsOf(execution);
    const data: unknown = execution.memo?.['data'];
    if (results !== undefined) {
      const openRun = execution.status.name === 'RUNNING' ? { openRun: execution.workflowId } : {};
      if (execution.status.name !== 'RUNNING') await expectResults(results, execution.workflowId);
      return { results, ...openRun, ...(typeof data === 'string' ? { data } : {}) };
    }
    throw new ReigniteError('RUN_NOT_FOUND', `The run ${execution.workflowId} does not record its results folder.`, {
      remedy: 'Name the results folder instead.',
    });
  });
}

/** Checks that the results folder of a run is still there. @throws ReigniteError FILE_MISSING. */
export async function expectResults(results: string, run: string): Promise<void> {
  if ((await statIfThere(results))?.isDirectory() === true) return;
  throw new ReigniteError('FILE_MISSING', `The results folder ${results} of ${run} does not exist.`, {
    remedy: 'Move it back if it was moved, or run the same `npx reignite run` command again.',
  });
}

/**
 * Refuses an open run, whose results are not complete yet.
 *
 * @throws ReigniteError RUN_OPEN.
 */
export function refuseOpen({ openRun }: Pick<KnownFolders, 'openRun'>): void {
  if (openRun === undefined) return;
  throw new ReigniteError('RUN_OPEN', `The run ${openRun} is open: its results are not complete yet.`, {
    remedy:
      'Wait until it has ended, then run the same command again. If it was interrupted, run its own command again to ' +
      'resume it. If it was terminated, give its ID instead of the folder.',
  });
}

interface RecordedPair {
  readonly data: string;
  readonly results: string;
}

/**
 * Returns the data folder of the run that wrote a results folder: the one that it used, if it ran with this state
 * directory, else the default folder of its configuration.
 *
 * @returns Undefined if it is not on this machine, or if the results contain no configuration.
 */
export async function usualData(results: string): Promise<string | undefined> {
  const profile = RESULTS.configuration.in(results);
  if (!existsSync(profile)) return undefined;
  try {
    const config = await loadConfig({ profile, set: [] });
    const home = homeFromEnvironment();
    const digest = (await RESULTS.summary.readIfValid(results))?.digest;
    const isOfRun = (folders: RecordedPair) => resolveRun(config, home, folders).input.digest === digest;
    const pairs = pairsOf(await recordedFolders(home));
    const used = pairs.find(isOfRun)?.data ?? onlyDataWith(pairs, await realpath(results));
    const { data } = resolveRun(config, home, {}).input.folders;
    return [used, data].find((folder) => folder !== undefined && existsSync(folder));
  } catch (error) {
    // For example, a custom model is not on this machine: the user can still name the record with --data.
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}

/**
 * Returns the folder that was recorded together with a results folder. The digest cannot be computed again
 * if the configuration names a custom model, whose stored path is shortened.
 *
 * @returns Undefined if several were.
 */
function onlyDataWith(pairs: readonly RecordedPair[], results: string): string | undefined {
  const [one, ...others] = new Set(pairs.flatMap((pair) => (pair.results === results ? [pair.data] : [])));
  return others.length === 0 ? one : undefined;
}

/** Returns every ordered pair of the folders that one command recorded: data and results are not told apart there. */
function pairsOf(recorded: readonly (readonly string[])[]): RecordedPair[] {
  return recorded.flatMap((folders) =>
    folders.flatMap((data) => folders.flatMap((results) => (data === results ? [] : [{ data, results }]))),
  );
}
