import type { Queue } from '../config/tasks.ts';
import { loadConfig } from '../runtime/config/load-config.ts';
import type { ServerSession, SessionOptions } from '../runtime/session/server-session.ts';
import { withServer } from '../runtime/session/with-server.ts';
import { workerSettingsOf } from '../runtime/workers/worker-settings.ts';
import { homeFromEnvironment } from '../toolkit/files/home-folders.ts';
import { printStep } from './output.ts';

/** After this many servers that went away, the cause is not just that another command ended. */
const ATTEMPTS = 3;

/**
 * Opens the state directory's server for a command that is about runs rather than a run, does `work` on it and closes
 * it again.
 *
 * @param queues - What to serve meanwhile, unless another command of the state directory does: nothing for a look at
 *   the history, `orchestration` for questions to workflows.
 * @param work - Done again from the start when the command that ran the server ended under it.
 * @param options.adopt - See `SessionOptions`.
 */
export async function withHomeServer<Result>(
  signal: AbortSignal,
  queues: readonly Queue[],
  work: (session: ServerSession) => Promise<Result>,
  options: Pick<SessionOptions, 'adopt'> = {},
): Promise<Result> {
  const config = await loadConfig({ profile: 'sample', set: [] });
  const settings = workerSettingsOf(config);
  return withServer(
    { home: homeFromEnvironment(), settings, queues, onStep: printStep, signal, attempts: ATTEMPTS, ...options },
    work,
  );
}
