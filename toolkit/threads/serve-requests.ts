import { parentPort } from 'node:worker_threads';
import { ReigniteError } from '../errors.ts';
import type { Ended, FromThread, ToThread } from './inference-thread.ts';

/** How a request is watched from inside the thread. */
export interface RequestWatch<Progress> {
  /** Reads the owner's flag: the thread receives no events while a network runs. */
  readonly signal: Pick<AbortSignal, 'throwIfAborted'>;
  readonly onProgress: (progress: Progress) => void;
}

class Cancelled extends Error {}

/**
 * Makes the calling thread answer the requests of an `InferenceThread`.
 *
 * @param release - Frees resources before the thread ends.
 */
export function serveRequests<Request, Answer, Progress>(
  answer: (request: Request, watch: RequestWatch<Progress>) => Promise<Answer>,
  release: () => Promise<void>,
): void {
  const send = (message: FromThread<Answer, Progress>) => parentPort?.postMessage(message);
  const serve = async (message: ToThread<Request>) => {
    if (message.kind === 'close') {
      await release();
      parentPort?.close();
      return;
    }
    const { id, request, flag } = message;
    const signal = signalOf(flag);
    const onProgress = (progress: Progress) => send({ id, kind: 'progress', progress });
    try {
      signal.throwIfAborted();
      send({ id, kind: 'answer', answer: await answer(request, { signal, onProgress }) });
    } catch (error) {
      send({ id, ...failureOf(error) });
    }
  };
  let turn = Promise.resolve();
  parentPort?.on('message', (message: ToThread<Request>) => {
    turn = turn.then(() => serve(message));
  });
}

function signalOf(flag: Int32Array): Pick<AbortSignal, 'throwIfAborted'> {
  return {
    throwIfAborted() {
      if (Atomics.load(flag, 0) !== 0) throw new Cancelled();
    },
  };
}

function failureOf(error: unknown): Ended<never> {
  if (error instanceof Cancelled) return { kind: 'cancelled' };
  if (error instanceof ReigniteError) {
    return { kind: 'failed', code: error.code, message: error.message, remedy: error.remedy };
  }
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { kind: 'failed', code: 'INFERENCE_FAILED', message: `The inference failed: ${reason}` };
}
