import type { Queue } from '../config/tasks.ts';
import { loadConfig } from '../runtime/load-config.ts';
import { type ServerSession, type SessionOptions, withServer } from '../runtime/server/server-session.ts';
import { workerSettingsOf } from '../runtime/workers/worker-settings.ts';
import { homeFromEnvironment } from '../toolkit/files/folders.ts';
import { printStep } from './output.ts';

/** After losing this many servers, the cause is not just that another command ended. */
const ATTEMPTS = 3;

/**
 * Opens the state directory's server for a command that inspects or controls runs, passes it to `work`, and closes it.
 *
 * @param queues - Queues to serve meanwhile, unless another command of the state directory does: none to read the
 *   history, `orchestration` to query workflows.
 * @param work - Restarted if the command that ran the server ends.
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
