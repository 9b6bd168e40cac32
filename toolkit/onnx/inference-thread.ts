import type { Worker } from 'node:worker_threads';
import { ReigniteError } from '../errors.ts';
import type { FromThread, ToThread } from './thread-messages.ts';

export interface AskOptions<Progress> {
  /** Stops the request as soon as the thread looks; its reason is thrown. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

const CLOSE_PATIENCE_MS = 10_000;

/**
 * A thread that answers requests one after the other. It starts with the first and, should it die, again with the
 * next; while it is idle it keeps no process alive. ONNX Runtime blocks the thread it is called on; the owner's event
 * loop stays free.
 *
 * The thread's entry file calls `serveRequests`.
 */
export class InferenceThread<Request, Answer, Progress> {
  readonly #start: () => Worker;
  readonly #describe: (request: Request) => string;
  readonly #closing = new AbortController();
  #thread: Worker | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  /**
   * @param start - Starts the thread, idle.
   * @param describe - What the thread does for a request, such as `it loaded X`, should it end over it.
   */
  constructor(start: () => Worker, describe: (request: Request) => string) {
    this.#start = start;
    this.#describe = describe;
  }

  /**
   * Asks when all earlier requests are answered.
   *
   * @throws ReigniteError with the code of what went wrong, INFERENCE_FAILED when the thread died; the signal's reason.
   */
  ask(request: Request, { signal, onProgress }: AskOptions<Progress> = {}): Promise<Answer> {
    const either = AbortSignal.any(signal === undefined ? [this.#closing.signal] : [signal, this.#closing.signal]);
    const turn = this.#queue.then(() => {
      either.throwIfAborted();
      return this.#askNow(request, { signal: either, ...(onProgress && { onProgress }) });
    });
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** Ends the thread; a request under way is stopped as by a signal. */
  async close(): Promise<void> {
    this.#closing.abort(new ReigniteError('CANCELLED', 'The inference thread was closed.'));
    await this.#queue;
    const thread = this.#thread;
    this.#thread = undefined;
    if (thread === undefined) return;
    const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    thread.ref();
    // Sessions are closed in their own thread; terminating it under them is the last resort.
    thread.postMessage({ kind: 'close' } satisfies ToThread<Request>);
    const patience = setTimeout(() => void thread.terminate(), CLOSE_PATIENCE_MS);
    await ended;
    clearTimeout(patience);
  }

  #askNow(request: Request, { signal, onProgress }: AskOptions<Progress> & { signal: AbortSignal }): Promise<Answer> {
    const thread = this.#threadNow();
    const flag = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const cancel = () => Atomics.store(flag, 0, 1);
    return new Promise<Answer>((resolve, reject) => {
      const onMessage = (message: FromThread<Answer, Progress>) => {
        if (message.kind === 'progress') return onProgress?.(message.progress);
        release();
        if (message.kind === 'answer') resolve(message.answer);
        else reject(message.kind === 'cancelled' ? signal.reason : errorOf(message));
      };
      const onEnd = (reason: unknown) => {
        if (this.#thread === thread) this.#thread = undefined;
        release();
        reject(this.#ended(request, reason));
      };
      const release = () => {
        signal.removeEventListener('abort', cancel);
        thread.off('message', onMessage).off('error', onEnd).off('exit', onEnd).unref();
      };
      signal.addEventListener('abort', cancel);
      thread.on('message', onMessage).on('error', onEnd).on('exit', onEnd).ref();
      thread.postMessage({ kind: 'request', request, flag } satisfies ToThread<Request>);
    });
  }

  #threadNow(): Worker {
    if (this.#thread !== undefined) return this.#thread;
    const thread = this.#start();
    // A request hears of the thread's end through its own listeners; the end of an idle one only makes room for another.
    thread.on('error', () => undefined);
    thread.on('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
    });
    this.#thread = thread;
    return thread;
  }

  #ended(request: Request, reason: unknown): ReigniteError {
    const how = reason instanceof Error ? reason.message : `exit code ${String(reason)}`;
    const cause = `The inference thread ended while ${this.#describe(request)} (${how}).`;
    return new ReigniteError('INFERENCE_FAILED', cause, { cause: reason });
  }
}

function errorOf({ code, message, remedy }: Extract<FromThread<never, never>, { kind: 'failed' }>): ReigniteError {
  return new ReigniteError(code, message, remedy === undefined ? {} : { remedy });
}
