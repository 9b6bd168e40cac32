import { parentPort, type Worker } from 'node:worker_threads';
import { type ErrorCode, ReigniteError } from '../../errors.ts';
import { setCudaVariables } from './environment.ts';

/** Messages to an inference thread. Requests are answered in order. */
export type ToThread<Request> =
  | {
      readonly kind: 'request';
      /** Repeated in every message about the request. */
      readonly id: number;
      readonly request: Request;
      /** One shared int32. Anything but 0 asks the thread to stop; it reads no messages while a network runs. */
      readonly flag: Int32Array;
    }
  | { readonly kind: 'close' };

/** Messages of the thread. A ReigniteError is sent as its fields: structured cloning would lose its class. */
export type FromThread<Answer, Progress> = { readonly id: number } & (
  | { readonly kind: 'progress'; readonly progress: Progress }
  | Ended<Answer>
);

/** How a request ended. */
export type Ended<Answer> =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly remedy?: string };

export interface AskOptions<Progress> {
  /** Stops the request at the thread's next check; its reason is thrown. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

const CLOSE_PATIENCE_MS = 10_000;

/**
 * A thread that answers requests one by one, in order. It starts with the first request and restarts with the next one
 * if it crashed. While idle, it does not keep the process alive. ONNX Runtime blocks the thread it is called on; the
 * owner's event loop stays free.
 *
 * The thread's entry file calls `serveRequests`.
 */
export class InferenceThread<Request, Answer, Progress> {
  readonly #start: () => Worker;
  readonly #describe: (request: Request) => string;
  readonly #closing = new AbortController();
  #thread: Worker | undefined;
  #asked = 0;
  #underWay = 0;
  /** The latest requests, oldest first: those in the thread's queue and the one in progress. */
  readonly #latest: Promise<unknown>[];

  /**
   * @param start - Starts the thread, idle.
   * @param describe - What the thread does for a request, such as `it loaded X`, for the message if it crashes.
   * @param waiting - How many requests may queue in the thread behind the one in progress, so that it is never idle.
   */
  constructor(start: () => Worker, describe: (request: Request) => string, waiting = 0) {
    this.#start = start;
    this.#describe = describe;
    this.#latest = Array.from({ length: waiting + 1 }, () => Promise.resolve());
  }

  /**
   * Sends a request once all earlier ones are sent and the thread's queue has room.
   *
   * @throws ReigniteError with the code of what went wrong, INFERENCE_FAILED when the thread died; the signal's reason.
   */
  ask(request: Request, { signal, onProgress }: AskOptions<Progress> = {}): Promise<Answer> {
    const either = AbortSignal.any(signal === undefined ? [this.#closing.signal] : [signal, this.#closing.signal]);
    const room = this.#latest.shift() ?? Promise.resolve();
    const turn = room.then(() => {
      either.throwIfAborted();
      return this.#askNow(request, { signal: either, ...(onProgress && { onProgress }) });
    });
    this.#latest.push(turn.catch(() => undefined));
    return turn;
  }

  /** Ends the thread; a request in progress is stopped as if by its signal. */
  async close(): Promise<void> {
    this.#closing.abort(new ReigniteError('CANCELLED', 'The inference thread was closed.'));
    await Promise.all(this.#latest);
    const thread = this.#thread;
    this.#thread = undefined;
    if (thread === undefined) return;
    const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    thread.ref();
    // The thread has to close its own sessions; terminating it is the last resort.
    thread.postMessage({ kind: 'close' } satisfies ToThread<Request>);
    const patience = setTimeout(() => void thread.terminate(), CLOSE_PATIENCE_MS);
    await ended;
    clearTimeout(patience);
  }

  #askNow(request: Request, { signal, onProgress }: AskOptions<Progress> & { signal: AbortSignal }): Promise<Answer> {
    const thread = this.#threadNow();
    const flag = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const cancel = () => Atomics.store(flag, 0, 1);
    const id = this.#asked++;
    return new Promise<Answer>((resolve, reject) => {
      const onMessage = (message: FromThread<Answer, Progress>) => {
        if (message.id !== id) return;
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
        thread.off('message', onMessage).off('error', onEnd).off('exit', onEnd);
        this.#underWay -= 1;
        if (this.#underWay === 0) thread.unref();
      };
      signal.addEventListener('abort', cancel);
      this.#underWay += 1;
      thread.on('message', onMessage).on('error', onEnd).on('exit', onEnd).ref();
      thread.postMessage({ kind: 'request', id, request, flag } satisfies ToThread<Request>);
    });
  }

  #threadNow(): Worker {
    if (this.#thread !== undefined) return this.#thread;
    setCudaVariables();
    const thread = this.#start();
    // A request learns of the thread's end through its own listeners; for an idle thread, only the reference is
    // cleared.
    thread.on('error', () => undefined);
    thread.on('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
    });
    this.#thread = thread;
    return thread;
  }

  #ended(request: Request, reason: unknown): ReigniteError {
    const how = reason instanceof Error ? reason.message : `exit code ${String(reason)}`;
    const cause = `The inference thread exited while ${this.#describe(request)} (${how}).`;
    return new ReigniteError('INFERENCE_FAILED', cause, { cause: reason });
  }
}

function errorOf({ code, message, remedy }: Extract<Ended<never>, { kind: 'failed' }>): ReigniteError {
  return new ReigniteError(code, message, remedy === undefined ? {} : { remedy });
}

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
