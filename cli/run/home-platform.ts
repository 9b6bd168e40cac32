import type { Queue } from '../../config/task-queues.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { loadConfig } from '../config/load-config.ts';
import { printStep } from '../output.ts';
import { workerSettingsOf } from '../worker-settings.ts';
import { openPlatform, type Platform } from './platform.ts';

/**
 * Opens the home's server for a command that is about runs rather than a run, does `work` on it and closes it again.
 *
 * @param queues - What to serve meanwhile, unless another command of the home does: nothing for a look at the history,
 *   `orchestration` for questions to workflows.
 */
export async function onHomePlatform<Result>(
  signal: AbortSignal,
  queues: readonly Queue[],
  work: (platform: Platform) => Promise<Result>,
): Promise<Result> {
  const config = await loadConfig({ profile: 'sample', set: [] });
  const platform = await openPlatform({
    home: homeFromEnvironment(),
    settings: workerSettingsOf(config),
    queues,
    onStep: printStep,
    signal,
  });
  try {
    return await work(platform);
  } finally {
    await platform.close();
  }
}
