import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { loadConfig } from '../config/load-config.ts';
import { pinRecord } from '../config/pin-record.ts';
import { printStep } from '../output.ts';
import { followRun, tellOutcome } from '../run/follow-run.ts';
import { onPlatform } from '../run/on-platform.ts';
import { resolveRun } from '../run/resolve-run.ts';
import { startRun } from '../run/start-run.ts';
import { workerSettingsOf } from '../worker-settings.ts';

export interface RunOptions {
  readonly profile: string;
  readonly set: readonly string[];
  readonly data?: string;
  readonly results?: string;
  readonly tasks?: readonly string[];
  readonly json?: boolean;
  /** false with `--no-workers`: only what others serve. */
  readonly workers: boolean;
}

/**
 * `reignite run`: starts a run, or attaches to the one that is going with the same configuration, and stays until it
 * has ended.
 *
 * @returns The exit status.
 */
export async function runCommand(options: RunOptions, signal: AbortSignal): Promise<number> {
  const home = homeFromEnvironment();
  const config = await pinRecord(await loadConfig(options), home, printStep, signal);
  const run = resolveRun(config, home, options);
  const settings = workerSettingsOf(config);
  const queues = options.workers ? {} : { queues: [] };
  const summary = await onPlatform({ home, settings, onStep: printStep, signal, ...queues }, async (platform) => {
    const how = await startRun(platform.client, platform.server, run, printStep);
    printStep(`${how === 'started' ? 'Started' : 'Attached to'} ${run.id}`);
    return followRun(platform, run, signal);
  });
  return tellOutcome(summary, run.input.folders.results, options.json ?? false);
}
