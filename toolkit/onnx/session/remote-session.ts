import { type ChildProcess, fork } from 'node:child_process';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { compiledFile } from '../../../config/package-files.ts';
import type { Provider } from './engine-choice.ts';

/** A tensor as it is sent between processes. */
export interface SentTensor {
  readonly type: Tensor.Type;
  readonly dims: readonly number[];
  readonly data: Tensor['data'];
}

/** A request to the process of a session; one at a time. */
export type SessionRequest =
  | {
      readonly kind: 'run';
      readonly feeds: Readonly<Record<string, SentTensor>>;
      /** Names of the wanted outputs. */
      readonly fetches: readonly string[];
    }
  | { readonly kind: 'release' };

/** An answer of the process. The first one is sent without a request and reports whether the session was opened. */
export type SessionAnswer =
  | {
      readonly kind: 'opened';
      readonly inputs: readonly InferenceSession.ValueMetadata[];
      readonly outputs: readonly InferenceSession.ValueMetadata[];
    }
  | { readonly kind: 'ran'; readonly outputs: Readonly<Record<string, SentTensor>> }
  | { readonly kind: 'released' }
  | { readonly kind: 'failed'; readonly message: string };

/** How long a process may take to close its session before it is killed. Unit: ms. */
const RELEASE_MS = 10_000;

export interface RemoteSessionOptions {
  readonly provider: Provider;
  /** As in `SessionOptions`. */
  readonly threads?: number | undefined;
  /** As in `SessionOptions`. */
  readonly device?: number;
  /** Environment of the process. Default: that of this one. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * An ONNX Runtime session in a separate process, used like one in this thread. Tensors are copied to it and back; an
 * output for which a tensor is given is written into it.
 *
 * The process ends with this one. If it crashes, the current request fails and the next run starts another process,
 * because callers keep a session for many images and one crash must not fail all that follow.
 */
export class RemoteSession implements InferenceSession {
  readonly inputMetadata: readonly InferenceSession.ValueMetadata[];
  readonly outputMetadata: readonly InferenceSession.ValueMetadata[];
  readonly #start: () => Promise<StartedProcess>;
  #child: ChildProcess;
  #isReleased = false;

  private constructor({ child, inputs, outputs }: StartedProcess, start: () => Promise<StartedProcess>) {
    this.#child = child;
    this.#start = start;
    this.inputMetadata = inputs;
    this.outputMetadata = outputs;
  }

  /**
   * @param model - Path of the ONNX file.
   * @throws Error from ONNX Runtime, or one that says how the process ended.
   */
  static async open(model: string, options: RemoteSessionOptions): Promise<RemoteSession> {
    const start = () => startProcess(model, options);
    return new RemoteSession(await start(), start);
  }

  /** ID of the process that runs the session. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  get inputNames(): readonly string[] {
    return this.inputMetadata.map(({ name }) => name);
  }

  get outputNames(): readonly string[] {
    return this.outputMetadata.map(({ name }) => name);
  }

  async run(
    feeds: InferenceSession.FeedsType,
    fetches?: InferenceSession.FetchesType | InferenceSession.RunOptions,
  ): Promise<InferenceSession.ReturnType> {
    const sent = Object.entries(feeds).map(([name, value]) => [name, sentTensor(name, value)]);
    const { names, given } = fetchesOf(fetches, this.outputNames);
    if (!this.#isReleased && !this.#isAlive()) this.#child = (await this.#start()).child;
    const answer = await this.#ask({ kind: 'run', feeds: Object.fromEntries(sent), fetches: names });
    if (answer.kind !== 'ran') throw new Error(`The process of the session answered ${answer.kind} to run.`);
    const results = Object.entries(answer.outputs).map(([name, output]) => [name, received(output, given[name])]);
    return Object.fromEntries(results);
  }

  async release(): Promise<void> {
    this.#isReleased = true;
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    if (!this.#isAlive()) return;
    this.#child.ref();
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), RELEASE_MS);
    // A session that cannot be closed properly ends with its process.
    await this.#ask({ kind: 'release' }).catch(() => undefined);
    if (this.#child.connected) this.#child.disconnect();
    await ended;
    clearTimeout(killer);
  }

  startProfiling(): void {
    throw new Error('A session in a process of its own cannot be profiled.');
  }

  endProfiling(): void {
    throw new Error('A session in a process of its own cannot be profiled.');
  }

  async #ask(request: SessionRequest): Promise<SessionAnswer> {
    if (!this.#isAlive()) throw new Error('The process of the session has ended.');
    const answer = answerOf(this.#child);
    this.#child.send(request, () => undefined);
    const reply = await answer;
    if (reply.kind === 'failed') throw new Error(reply.message);
    return reply;
  }

  #isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }
}

interface StartedProcess extends Pick<Extract<SessionAnswer, { kind: 'opened' }>, 'inputs' | 'outputs'> {
  readonly child: ChildProcess;
}

async function startProcess(
  model: string,
  { provider, threads, device = 0, env }: RemoteSessionOptions,
): Promise<StartedProcess> {
  const child = fork(
    compiledFile('toolkit/onnx/session/session-process.ts'),
    [model, provider, String(device), ...(threads === undefined ? [] : [String(threads)])],
    {
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      ...(env !== undefined && { env }),
    },
  );
  // An idle session does not keep this process alive; `answerOf` does so while it waits.
  const answer = await answerOf(child);
  if (answer.kind === 'opened') return { child, inputs: answer.inputs, outputs: answer.outputs };
  child.kill('SIGKILL');
  throw new Error(answer.kind === 'failed' ? answer.message : `The process of the session answered ${answer.kind}.`);
}

/** Waits for the next message of the process; rejects if it ends instead. */
function answerOf(child: ChildProcess): Promise<SessionAnswer> {
  child.ref();
  child.channel?.ref();
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown) => {
      done();
      // Only our own process writes to this channel.
      if (isAnswer(message)) resolve(message);
      else reject(new Error('The process of the session sent something unknown.'));
    };
    const onExit = (status: number | null, signal: NodeJS.Signals | null) => {
      done();
      reject(new Error(`The process of the session exited (${signal ?? `status ${status}`}).`));
    };
    const onError = (error: Error) => {
      done();
      reject(error);
    };
    const done = () => {
      child.off('message', onMessage).off('exit', onExit).off('error', onError);
      child.unref();
      child.channel?.unref();
    };
    child.on('message', onMessage).on('exit', onExit).on('error', onError);
  });
}

function isAnswer(message: unknown): message is SessionAnswer {
  return typeof message === 'object' && message !== null && 'kind' in message;
}

function sentTensor(name: string, value: unknown): SentTensor {
  if (!(value instanceof Tensor)) throw new TypeError(`Expected a tensor for ${name}`);
  return { type: value.type, dims: value.dims, data: value.data };
}

function received({ type, data, dims }: SentTensor, into: Tensor | undefined): Tensor {
  if (into === undefined) return new Tensor(type, data, [...dims]);
  if (!(into.data instanceof Float32Array) || !(data instanceof Float32Array)) {
    throw new TypeError(`Expected float32 for an output that is written in place, got ${type}`);
  }
  into.data.set(data);
  return into;
}

/** Returns which outputs are requested, and the tensors that receive them if given. */
function fetchesOf(
  fetches: InferenceSession.FetchesType | InferenceSession.RunOptions | undefined,
  all: readonly string[],
): { readonly names: readonly string[]; readonly given: Readonly<Record<string, Tensor>> } {
  if (fetches === undefined) return { names: all, given: {} };
  if (Array.isArray(fetches)) return { names: fetches.map(String), given: {} };
  const names = Object.keys(fetches).filter((name) => all.includes(name));
  const given = Object.entries(fetches).flatMap(([name, value]) => (value instanceof Tensor ? [[name, value]] : []));
  return { names: names.length > 0 ? names : all, given: Object.fromEntries(given) };
}
