import { existsSync } from 'node:fs';
import { loadConfig } from '../../runtime/config/load-config.ts';
import { resolveRun } from '../../runtime/run/resolve-run.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';

/**
 * Returns the default data folder for the configuration in a results folder.
 *
 * @returns Undefined if it is not on this machine, or if the results contain no configuration.
 */
export async function usualData(results: string): Promise<string | undefined> {
  const profile = RESULTS.configuration.in(results);
  if (!existsSync(profile)) return undefined;
  try {
    const config = await loadConfig({ profile, set: [] });
    const { data } = resolveRun(config, homeFromEnvironment(), {}).input.folders;
    return existsSync(data) ? data : undefined;
  } catch (error) {
    // For example, a custom model is not on this machine: the user can still name the record with --data.
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}
