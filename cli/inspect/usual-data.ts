import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { loadConfig } from '../../runtime/load-config.ts';
import { resolveRun } from '../../runtime/run/resolve-run.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { recordedFolders } from '../../toolkit/files/allowed-places.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';

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
