import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { readModel } from '../file/read-model.ts';
import { encodeModel } from '../file/write-model.ts';
import { withWinograd } from '../graph/winograd.ts';
import { isTf32Off, ortVersion, switchOffTf32 } from './engine.ts';
import { prepackedModel } from './laid-out-model.ts';

/** Where a network runs. `cpu` is there always; the others need files and hardware of their own. */
export const PROVIDERS = ['cpu', 'cuda', 'webgpu'] as const;
export type Provider = (typeof PROVIDERS)[number];

export interface SessionOptions {
  /** `auto` takes CUDA where it is installed and works, else the CPU, and says why. Default `auto`. */
  readonly provider?: Provider | 'auto';
  /** Threads of one run; 0, the default, takes the physical cores. Changes no bit of a result. */
  readonly threads?: number;
  /**
   * On the CPU, for large models that `writeModel` wrote: opens a copy next to the file whose convolutions are
   * rewritten, which is made with the first opening. It opens ten times as fast and runs in less time.
   */
  readonly laidOut?: boolean;
}

/** An ONNX model ready to run. */
export interface OpenedSession {
  readonly session: ort.InferenceSession;
  readonly provider: Provider;
  /** Why a provider that `auto` prefers was not taken, one sentence each. */
  readonly fallbacks: readonly string[];
  /** Version of ONNX Runtime, part of what bit-identity rests on. */
  readonly ortVersion: string;
}

/**
 * Opens an ONNX file.
 *
 * `session.run` and this function block the thread that calls them: call them in a thread of their own, an
 * `InferenceThread`.
 *
 * @throws ReigniteError MODEL_UNREADABLE when the file is missing or no model;
 *   PROVIDER_UNAVAILABLE when the provider asked for by name does not start, or would not compute in full float32.
 */
export async function openSession(path: string, options: SessionOptions = {}): Promise<OpenedSession> {
  if (!existsSync(path)) throw new ReigniteError('MODEL_UNREADABLE', `Model not found: ${path}.`);
  const { provider = 'auto', threads } = options;
  if (provider === 'cpu') return opened(await openOnCpu(path, options), 'cpu', []);
  if (provider !== 'auto') return opened(await openOn(path, provider, threads), provider, []);
  try {
    return opened(await openOn(path, 'cuda', threads), 'cuda', []);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return opened(await openOnCpu(path, options), 'cpu', [reason]);
  }
}

function opened(session: ort.InferenceSession, provider: Provider, fallbacks: readonly string[]): OpenedSession {
  return { session, provider, fallbacks, ortVersion: ortVersion() };
}

async function openOnCpu(path: string, { threads, laidOut = false }: SessionOptions): Promise<ort.InferenceSession> {
  try {
    if (!laidOut) return await create(path, 'cpu', threads);
    return (await openLaidOut(path, threads)) ?? (await create(await rewritten(path), 'cpu', threads));
  } catch (error) {
    throw new ReigniteError('MODEL_UNREADABLE', `The model ${path} cannot be loaded: ${firstLine(error)}.`, {
      cause: error,
    });
  }
}

/** A copy that does not open is rebuilt by the next opening, and this one does without. */
async function openLaidOut(path: string, threads: number | undefined): Promise<ort.InferenceSession | undefined> {
  const copy = await prepackedModel(path);
  if (copy === undefined) return undefined;
  return create(copy, 'cpu', threads).catch(async () => {
    await rm(dirname(copy), { recursive: true, force: true });
    return undefined;
  });
}

/** What the copy would be made of, in memory: more of it, and the same bits. */
function rewritten(path: string): Promise<Uint8Array> {
  return encodeModel(withWinograd(readModel(path)));
}

async function openOn(path: string, provider: Provider, threads: number | undefined): Promise<ort.InferenceSession> {
  if (provider === 'cuda' && !isCudaInstalled()) {
    throw new ReigniteError('PROVIDER_UNAVAILABLE', 'The provider cuda is not available: its files are not installed.');
  }
  switchOffTf32();
  if (provider === 'cuda' && !isTf32Off()) {
    throw new ReigniteError('PROVIDER_UNAVAILABLE', 'The provider cuda would compute in TF32 in this thread.', {
      remedy: 'Set NVIDIA_TF32_OVERRIDE=0 in the environment and run the same command again.',
    });
  }
  try {
    return await create(path, provider, threads);
  } catch (error) {
    throw new ReigniteError('PROVIDER_UNAVAILABLE', `The provider ${provider} is not available: ${firstLine(error)}.`, {
      cause: error,
    });
  }
}

function create(
  model: string | Uint8Array,
  provider: Provider,
  threads: number | undefined,
): Promise<ort.InferenceSession> {
  const options = sessionOptions(provider, threads);
  return typeof model === 'string'
    ? ort.InferenceSession.create(model, options)
    : ort.InferenceSession.create(model, options);
}

function sessionOptions(provider: Provider, threads: number | undefined): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    interOpNumThreads: 1,
    // The channel-blocked layout comes with the last level only: a quarter of the time.
    graphOptimizationLevel: 'all',
    // A memory pattern would be allocated in addition to the first run's memory: 200 MB for the paper's network, and no
    // time gained.
    enableMemPattern: false,
    // Threads that wait for work asleep leave the cores to other processes: 9 to 20 % less time on a busy machine.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 4,
  };
}

/** Asked of the disk, because the library itself writes to stderr when the files are missing. */
function isCudaInstalled(): boolean {
  const library = { linux: 'libonnxruntime_providers_cuda.so', win32: 'onnxruntime_providers_cuda.dll' };
  const name = process.platform === 'linux' || process.platform === 'win32' ? library[process.platform] : undefined;
  if (name === undefined) return false;
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return existsSync(join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch, name));
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] ?? '').trim().replace(/\.$/, '');
}
