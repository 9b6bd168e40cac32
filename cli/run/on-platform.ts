import { WorkflowFailedError } from '@temporalio/client';
import { OwnerGone, openPlatform, type Platform, type PlatformOptions } from './platform.ts';
import { failureOf } from './run-failure.ts';

type Options = PlatformOptions & { readonly signal: AbortSignal };

/**
 * Does `work` on a server with workers; again on another platform when the command that ran the server goes away.
 *
 * @param work - Starts or attaches, and stays until the workflow has closed.
 * @throws The error of ours that ended the workflow; the signal's reason.
 */
export async function onPlatform<Result>(
  options: Options,
  work: (platform: Platform) => Promise<Result>,
): Promise<Result> {
  for (;;) {
    const platform = await openPlatform(options);
    try {
      options.signal.throwIfAborted();
      return await work(platform);
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof WorkflowFailedError) throw failureOf(error);
      if (!hasLostServer(platform, error)) throw error;
      options.onStep('The command that ran the server has gone; this one carries on.');
    } finally {
      await platform.close();
    }
  }
}

/**
 * Watches until there is nothing more to see, the platform fails or the command is told to stop. No question is left
 * open then: one that is repeated after its connection was closed would end the process.
 */
export async function watchOn(
  { failed }: Platform,
  signal: AbortSignal,
  watch: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const watching = watch(AbortSignal.any([signal, over.signal]));
  try {
    await Promise.race([watching, failed, aborted(signal)]);
  } finally {
    over.abort();
    await watching.catch(() => undefined);
  }
}

/** Whether an error tells that the server of another command of the home is gone. */
export function hasLostServer({ owner, server }: Platform, error: unknown): boolean {
  return error instanceof OwnerGone || (!owner && !server.external && isConnectionLoss(error));
}

/** gRPC's UNAVAILABLE: the server at the other end is gone. */
function isConnectionLoss(error: unknown): boolean {
  const text = error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : String(error);
  return /UNAVAILABLE|ECONNREFUSED|ECONNRESET|Service Unavailable/i.test(text);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
