import { existsSync } from 'node:fs';
import { loadConfig } from '../../runtime/config/load-config.ts';
import { resolveRun } from '../../runtime/run/resolve-run.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';

/**
 * Data folder that a run with the configuration of a results folder uses by default.
 *
 * @returns Undefined where it is not on this machine, or where the results name no configuration.
 */
export async function usualData(results: string): Promise<string | undefined> {
  const profile = RESULTS.configuration.in(results);
  if (!existsSync(profile)) return undefined;
  try {
    const config = await loadConfig({ profile, set: [] });
    const { data } = resolveRun(config, homeFromEnvironment(), {}).input.folders;
    return existsSync(data) ? data : undefined;
  } catch (error) {
    // Such as a custom model that is not on this machine: the record can still be given with --data.
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}
