import { parentPort } from 'node:worker_threads';
import { markHandled } from '../concurrency.ts';
import { ReigniteError } from '../errors.ts';
import type { Ended, FromThread, ToThread } from './inference-thread.ts';

/** How a request is watched from inside the thread. */
export interface RequestWatch<Progress> {
  /** Reads the owner's flag: the thread receives no events while a network runs. */
  readonly signal: Pick<AbortSignal, 'throwIfAborted'>;
  readonly onProgress: (progress: Progress) => void;
}

class Cancelled extends Error {}

/** How requests are answered. */
export interface RequestServer<Request, Answer, Progress, Prepared> {
  /** @param prepared - What `prepare` gave, if the request had to wait. */
  readonly answer: (request: Request, watch: RequestWatch<Progress>, prepared?: Promise<Prepared>) => Promise<Answer>;
  /** Frees resources before the thread ends. */
  readonly release: () => Promise<void>;
  /** Does a part of a request ahead, while another one is answered. What it throws is seen by who awaits it. */
  readonly prepare?: (request: Request) => Promise<Prepared>;
}

/** Makes the calling thread answer the requests of an `InferenceThread`. At most one is prepared ahead. */
export function serveRequests<Request, Answer, Progress, Prepared = never>({
  answer,
  release,
  prepare,
}: RequestServer<Request, Answer, Progress, Prepared>): void {
  const send = (message: FromThread<Answer, Progress>) => parentPort?.postMessage(message);
  const ahead = new PreparedAhead(prepare);
  const serve = async (message: Extract<ToThread<Request>, { kind: 'request' | 'close' }>) => {
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
      send({ id, kind: 'answer', answer: await answer(request, { signal, onProgress }, ahead.take(id)) });
    } catch (error) {
      send({ id, ...failureOf(error) });
    }
  };
  let turn = Promise.resolve();
  parentPort?.on('message', (message: ToThread<Request>) => {
    if (message.kind === 'prepare') ahead.prepare(message.id, message.request);
    else if (message.kind === 'forget') ahead.forget(message.id);
    else turn = turn.then(() => serve(message));
  });
}

/** What was prepared for the next request; for one only, so that memory is bounded. */
class PreparedAhead<Request, Prepared> {
  readonly #prepare: ((request: Request) => Promise<Prepared>) | undefined;
  #next: { readonly id: number; readonly prepared: Promise<Prepared> } | undefined;

  constructor(prepare: ((request: Request) => Promise<Prepared>) | undefined) {
    this.#prepare = prepare;
  }

  prepare(id: number, request: Request): void {
    if (this.#prepare === undefined || this.#next !== undefined) return;
    const prepared = this.#prepare(request);
    markHandled(prepared);
    this.#next = { id, prepared };
  }

  forget(id: number): void {
    if (this.#next?.id === id) this.#next = undefined;
  }

  take(id: number): Promise<Prepared> | undefined {
    const next = this.#next;
    this.forget(id);
    return next?.id === id ? next.prepared : undefined;
  }
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
