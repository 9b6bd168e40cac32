import type { Queue } from '../config/tasks.ts';
import { loadConfig } from '../runtime/config/load-config.ts';
import { openSession, type ServerSession, type SessionOptions } from '../runtime/session/server-session.ts';
import { hasLostServer } from '../runtime/session/with-server.ts';
import { workerSettingsOf } from '../runtime/workers/worker-settings.ts';
import { homeFromEnvironment } from '../toolkit/files/home-folders.ts';
import { printStep } from './output.ts';

/** After this many lost servers, the error is reported: the cause is not just that another command ended. */
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
  for (let attempt = 1; ; attempt++) {
    const session = await openSession({
      home: homeFromEnvironment(),
      settings: workerSettingsOf(config),
      queues,
      onStep: printStep,
      signal,
      ...options,
    });
    try {
      signal.throwIfAborted();
      return await work(session);
    } catch (error) {
      signal.throwIfAborted();
      if (attempt === ATTEMPTS || !hasLostServer(session, error)) throw error;
      printStep('The command that ran the server exited; this one takes over.');
    } finally {
      await session.close();
    }
  }
}
