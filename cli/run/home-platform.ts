import type { Queue } from '../../config/task-queues.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { loadConfig } from '../config/load-config.ts';
import { printStep } from '../output.ts';
import { workerSettingsOf } from '../worker-settings.ts';
import { hasLostServer } from './on-platform.ts';
import { openPlatform, type Platform, type PlatformOptions } from './platform.ts';

/** A command whose server goes away so often has more against it than another one that ended. */
const ATTEMPTS = 3;

/**
 * Opens the home's server for a command that is about runs rather than a run, does `work` on it and closes it again.
 *
 * @param queues - What to serve meanwhile, unless another command of the home does: nothing for a look at the history,
 *   `orchestration` for questions to workflows.
 * @param work - Done again from the start when the command that ran the server ended under it.
 * @param options.adopt - See `PlatformOptions`.
 */
export async function onHomePlatform<Result>(
  signal: AbortSignal,
  queues: readonly Queue[],
  work: (platform: Platform) => Promise<Result>,
  options: Pick<PlatformOptions, 'adopt'> = {},
): Promise<Result> {
  const config = await loadConfig({ profile: 'sample', set: [] });
  for (let attempt = 1; ; attempt++) {
    const platform = await openPlatform({
      home: homeFromEnvironment(),
      settings: workerSettingsOf(config),
      queues,
      onStep: printStep,
      signal,
      ...options,
    });
    try {
      signal.throwIfAborted();
      return await work(platform);
    } catch (error) {
      signal.throwIfAborted();
      if (attempt === ATTEMPTS || !hasLostServer(platform, error)) throw error;
      printStep('The command that ran the server has gone; this one carries on.');
    } finally {
      await platform.close();
    }
  }
}
