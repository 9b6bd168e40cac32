import { WorkflowFailedError } from '@temporalio/client';
import { bestEffort, orAborted } from '../../toolkit/concurrency.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { runFailure } from '../run/run-handle.ts';
import { OwnerGone, openSession, type ServerSession, type SessionOptions } from './server-session.ts';

type Options = SessionOptions & {
  readonly signal: AbortSignal;
  /** How often `work` is started at most; after that, the loss of a server is an error. Default: without limit. */
  readonly attempts?: number;
};

/**
 * Does `work` on a server with workers; again on another session when the command that ran the server goes away.
 *
 * @param work - Starts or attaches, and stays until the workflow has closed.
 * @throws The ReigniteError that ended the workflow; the signal's reason.
 */
export async function withServer<Result>(
  { attempts = Number.POSITIVE_INFINITY, ...options }: Options,
  work: (session: ServerSession) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    const session = await openSession(options);
    try {
      options.signal.throwIfAborted();
      return await work(session);
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof WorkflowFailedError) throw runFailure(error);
      if (attempt >= attempts || !hasLostServer(session, error)) throw error;
      options.onStep('The command that ran the server exited; this one takes over.');
    } finally {
      await session.close();
    }
  }
}

/**
 * Watches until there is nothing more to see, the session fails or the command is asked to stop. No question is left
 * open then: one that is repeated after its connection was closed would end the process.
 */
export async function watchOn(
  { failed }: ServerSession,
  signal: AbortSignal,
  watch: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const watching = watch(AbortSignal.any([signal, over.signal]));
  try {
    await orAborted(Promise.race([watching, failed]), signal);
  } finally {
    over.abort();
    await bestEffort(watching, 'its error was thrown before');
  }
}

/** Whether an error means that the server of another command of the state directory is gone. */
export function hasLostServer({ owner, server }: ServerSession, error: unknown): boolean {
  // How a run ended, whatever its text mentions.
  if (error instanceof ReigniteError && error.cause instanceof WorkflowFailedError) return false;
  return error instanceof OwnerGone || (!owner && !server.external && isConnectionLoss(error));
}

/** The server at the other end is gone: gRPC's UNAVAILABLE, or another server in its place. */
function isConnectionLoss(error: unknown): boolean {
  if (error instanceof ReigniteError && error.code === 'TEMPORAL_UNREACHABLE') return true;
  const text = error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : String(error);
  return /UNAVAILABLE|ECONNREFUSED|ECONNRESET|Service Unavailable/i.test(text);
}
