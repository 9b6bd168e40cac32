import { WorkflowFailedError } from '@temporalio/client';
import { bestEffort, orAborted } from '../../toolkit/concurrency.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { runFailure } from '../run/run-handle.ts';
import { OwnerGone, openSession, type ServerSession, type SessionOptions } from './server-session.ts';

type Options = SessionOptions & {
  readonly signal: AbortSignal;
  /** How often `work` is started at most; after that, losing the server is an error. Default: unlimited. */
  readonly attempts?: number;
};

/**
 * Runs `work` on a server with workers, and again in a new session if the command that ran the server ends.
 *
 * @param work - Starts or attaches to a workflow, and waits until it has closed.
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
 * Watches until `watch` ends, the session fails or the command is asked to stop. Waits for open queries: one that is
 * retried on a closed connection would end the process.
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

/** Returns whether an error means that the server of another command of the state directory is gone. */
export function hasLostServer({ owner, server }: ServerSession, error: unknown): boolean {
  // The workflow's own failure, whatever its text mentions.
  if (error instanceof ReigniteError && error.cause instanceof WorkflowFailedError) return false;
  return error instanceof OwnerGone || (!owner && !server.external && isConnectionLoss(error));
}

/** Returns whether the server is gone: gRPC's UNAVAILABLE, or a different server at its address. */
function isConnectionLoss(error: unknown): boolean {
  if (error instanceof ReigniteError && error.code === 'TEMPORAL_UNREACHABLE') return true;
  const text = error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : String(error);
  return /UNAVAILABLE|ECONNREFUSED|ECONNRESET|Service Unavailable/i.test(text);
}
