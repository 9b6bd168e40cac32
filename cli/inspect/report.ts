import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { packageVersion } from '../../config/package-files.ts';
import { loadConfig } from '../../runtime/load-config.ts';
import { resultsOf } from '../../runtime/run/describe-run.ts';
import { findRun } from '../../runtime/run/find-run.ts';
import { resolveRun } from '../../runtime/run/resolve-run.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { recordedFolders } from '../../toolkit/files/allowed-places.ts';
import { fileExists, statIfThere } from '../../toolkit/files/file-access.ts';
import { homeFromEnvironment } from '../../toolkit/files/folders.ts';
import { counted, firstOf } from '../../toolkit/format.ts';
import { isPredictionFolder } from '../../toolkit/predict/prediction-summary.ts';
import {
  changedSinceManifest,
  earlierManifest,
  type ManifestFinding,
  verifyManifest,
} from '../../toolkit/report/manifest.ts';
import { isWrittenByReport, writeReport } from '../../toolkit/report/write-report.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { EXIT, printResult, printStep } from '../output.ts';
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
      'resume it. If it was terminated, give its run ID instead of the folder.',
  });
}

/**
 * `reignite report`: rebuilds report, crate and manifest of a run from its results.
 *
 * @throws ReigniteError RUN_OPEN; RUN_NOT_FOUND; USAGE; FILE_MISSING.
 * @param options.data - The run's record; known for runs of this state directory. Without it, the viewer keeps its
 *   current layers.
 */
export async function reportCommand(
  run: string | undefined,
  options: { readonly json?: boolean; readonly data?: string },
  signal: AbortSignal,
): Promise<number> {
  const folders = await foldersOf(run, signal);
  refuseOpen(folders);
  const { results, data: known } = folders;
  const data = options.data === undefined ? known : resolve(options.data);
  const earlier = await earlierManifest(results);
  const { files } = await writeReport(results, { version: packageVersion(), data, signal });
  const report = join(results, 'report', 'index.html');
  const warning = lossWarning(await changedSinceManifest(results, earlier, isWrittenByReport));
  if (warning !== undefined) printStep(warning);
  const { json } = options;
  printResult(
    json ? JSON.stringify({ report, results, files }, null, 1) : `${report}\n${counted(files, 'file')} in the manifest`,
  );
  return EXIT.done;
}

/**
 * Says which files were lost or changed before the report was rebuilt: its manifest lists only what is there now.
 *
 * @returns Undefined if there are none.
 */
export function lossWarning(findings: readonly ManifestFinding[]): string | undefined {
  if (findings.length === 0) return undefined;
  const named = firstOf(findings.map(({ kind, path }) => `${path} (${kind})`));
  return (
    `WARNING: since the last manifest, ${counted(findings.length, 'file')} of the run went missing or changed: ${named}. ` +
    'The new manifest does not show this. Run the same `npx reignite run` command again to restore them.'
  );
}

/**
 * `reignite verify`: recomputes the SHA-256 of every output.
 *
 * @returns 1 when a file is missing, changed or extra.
 */
export async function verifyCommand(
  run: string | undefined,
  { json }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  const folders = await foldersOf(run, signal);
  refuseOpen(folders);
  const { results } = folders;
  const { files, findings } = await verifyManifest(results, signal);
  if (json) printResult(JSON.stringify({ results, files, findings }, null, 1));
  else {
    const lines = findings.map(({ kind, path }) => `${kind.padEnd(8)} ${path}`);
    printResult([...lines, `${counted(files, 'file')} checked, ${counted(findings.length, 'finding')}`].join('\n'));
  }
  return findings.length === 0 ? EXIT.done : EXIT.error;
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
