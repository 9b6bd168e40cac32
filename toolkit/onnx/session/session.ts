import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { encodeModel, readModel } from '../file/model-file.ts';
import { areLibrariesSearched, cudaEnvironment, cudaObstacle, cudaObstacleOn } from '../provider/cuda.ts';
import { adapterOf, webgpuAdapter } from '../provider/probe.ts';
import { type AdapterNames, adapterText, isRealGpu, type Provider } from './engine-choice.ts';
import { areCudaVariablesSet, ortVersion, setCudaVariables } from './environment.ts';
import { prepackedModel, rewrittenForCpu } from './laid-out-model.ts';
import { RemoteSession } from './remote-session.ts';

export interface SessionOptions {
  /**
   * `auto` uses CUDA if it works, else WebGPU on a GPU, else the CPU, and reports why. WebGPU on a software rasteriser
   * is used only if it is named. Default `auto`.
   */
  readonly provider?: Provider | 'auto';
  /** Threads of one run; 0, the default, uses the physical cores. Does not change a bit of a result. */
  readonly threads?: number;
  /**
   * On the CPU, for models that `writeModel` wrote: opens a copy with rewritten convolutions and instance
   * normalisation, which is created next to the file when it is first opened. It opens ten times as fast; large networks
   * without instance normalisation run in less time. `in memory` rewrites the model without a copy, with the same bits:
   * for small networks, creating the copy takes longer than it saves.
   */
  readonly laidOut?: boolean | 'in memory';
  /**
   * Memory that the networks of an ensemble may use together and all stay open, bytes. Default: depends on the device.
   * Does not change a bit of a result.
   */
  readonly keptBytes?: number;
  /**
   * Number of the GPU for CUDA, in the order of `nvidia-smi`, among those that `CUDA_VISIBLE_DEVICES` allows. Above 0,
   * `auto` uses that GPU or fails. Default 0.
   */
  readonly device?: number;
  /**
   * Returns the file that is opened on a GPU instead of the other one, such as the same network for several tiles at
   * once. If it throws, the provider counts as not available.
   */
  readonly gpuFile?: () => Promise<string>;
}

/** The GPU of a worker that has its own GPU. */
export type FixedGpu = Pick<SessionOptions, 'device'>;

/** An ONNX model ready to run. */
export interface OpenedSession extends AdapterNames {
  readonly session: InferenceSession;
  readonly provider: Provider;
  /** Why a provider that `auto` prefers, or the graph for several tiles, was not used, one sentence each. */
  readonly fallbacks: readonly string[];
  /** Version of ONNX Runtime, on which bit-identical results depend. */
  readonly ortVersion: string;
}

/**
 * Opens an ONNX file.
 *
 * `session.run` and this function block the calling thread, so call them in an `InferenceThread`.
 *
 * @throws ReigniteError MODEL_UNREADABLE if the file is missing or not a model; PROVIDER_UNAVAILABLE if a provider or
 *   GPU that was named does not start or would not compute in full float32.
 */
export async function openSession(path: string, options: SessionOptions = {}): Promise<OpenedSession> {
  if (!existsSync(path)) throw new ReigniteError('MODEL_UNREADABLE', `Model not found: ${path}.`);
  const { provider = 'auto', device = 0 } = options;
  if (provider === 'cpu') return opened(await openOnCpu(path, options), 'cpu', []);
  if (provider !== 'auto') return opened(await openOn(path, provider, options), provider, [], device);
  const fallbacks: string[] = [];
  for (const preferred of ['cuda', 'webgpu'] as const) {
    // A GPU other than the first was requested: nothing may replace it unnoticed.
    if (preferred === 'cuda' && device > 0) return opened(await openNamed(path, options), preferred, [], device);
    const reason = await reasonAgainst(preferred);
    if (reason !== undefined) {
      fallbacks.push(unavailable(preferred, reason));
      continue;
    }
    try {
      return opened(await openOn(path, preferred, options), preferred, fallbacks, device);
    } catch (error) {
      fallbacks.push(error instanceof Error ? error.message : String(error));
    }
  }
  return opened(await openOnCpu(path, options), 'cpu', fallbacks);
}

/** Opens a model on CUDA for `auto` with the number of a GPU. @throws ReigniteError PROVIDER_UNAVAILABLE. */
async function openNamed(path: string, options: SessionOptions): Promise<InferenceSession> {
  try {
    return await openOn(path, 'cuda', options);
  } catch (cause) {
    const reason = errorClause(cause);
    const remedy =
      'Set `inference.deviceId`, or `--device` of the worker, to a GPU that `npx reignite doctor` lists, or to 0, ' +
      'with which `auto` may take another provider.';
    const message = `GPU ${options.device}, which \`inference.deviceId\` or \`--device\` names, cannot be used: ${reason}.`;
    throw new ReigniteError('PROVIDER_UNAVAILABLE', message, { cause, remedy });
  }
}

/** Returns why `auto` skips a provider, as a clause; undefined if it is worth opening a session. */
async function reasonAgainst(provider: 'cuda' | 'webgpu'): Promise<string | undefined> {
  if (provider === 'cuda') return cudaObstacle()?.reason;
  const { error, ...names } = await webgpuAdapter();
  if (error !== undefined) return errorClause(error);
  return isRealGpu(names) ? undefined : `it runs on ${adapterText(names)}, which is not known to be a GPU`;
}

function unavailable(provider: Provider, reason: string): string {
  return `The provider ${provider} is not available: ${reason}.`;
}

async function opened(
  session: InferenceSession,
  provider: Provider,
  fallbacks: readonly string[],
  device?: number,
): Promise<OpenedSession> {
  return { session, provider, fallbacks, ortVersion: ortVersion(), ...(await adapterOf(provider, device)) };
}

async function openOnCpu(path: string, { threads, laidOut = false }: SessionOptions): Promise<InferenceSession> {
  try {
    if (laidOut === false) return await createSession(path, 'cpu', threads);
    const copied = laidOut === true ? await openLaidOut(path, threads) : undefined;
    return copied ?? (await createSession(await rewritten(path), 'cpu', threads));
  } catch (error) {
    const reason = errorClause(error);
    throw new ReigniteError('MODEL_UNREADABLE', `The model ${path} cannot be loaded: ${reason}.`, {
      cause: error,
      ...(UNSUPPORTED.test(reason) && { remedy: exportAgain() }),
    });
  }
}

/** Errors of models from elsewhere, where converting them again does not help. */
const UNSUPPORTED = /not a registered function|No Op registered|opset|IR version|invalid model|Node/i;

/** Returns the remedy for a model that ONNX Runtime does not support. */
export function exportAgain(): string {
  return `Export the model again with operators and an opset that ONNX Runtime ${ortVersion()} supports.`;
}

/** Opens the copy of a model. If it does not open, it is deleted and undefined is returned; the next call creates it again. */
async function openLaidOut(path: string, threads: number | undefined): Promise<InferenceSession | undefined> {
  const copy = await prepackedModel(path);
  if (copy === undefined) return undefined;
  return createSession(copy, 'cpu', threads).catch(async () => {
    await rm(dirname(copy), { recursive: true, force: true });
    return undefined;
  });
}

/** Returns the rewritten model in memory, without a copy on disk: takes more memory and gives the same bits. */
function rewritten(path: string): Promise<Uint8Array> {
  return encodeModel(rewrittenForCpu(readModel(path)));
}

async function openOn(
  path: string,
  provider: Provider,
  { threads, device = 0, gpuFile }: SessionOptions,
): Promise<InferenceSession> {
  const obstacle = provider === 'cuda' ? cudaObstacleOn(device) : undefined;
  if (obstacle !== undefined) {
    const { reason, remedy } = obstacle;
    throw new ReigniteError('PROVIDER_UNAVAILABLE', unavailable(provider, reason), { remedy });
  }
  const file = (await gpuFile?.()) ?? path;
  try {
    if (provider === 'webgpu') return await RemoteSession.open(file, { provider, threads });
    setCudaVariables();
    // All of them are read when a process starts. If they were not set then, another process is started with them.
    const isReady = areCudaVariablesSet() && areLibrariesSearched();
    if (!isReady) return await RemoteSession.open(file, { provider, threads, device, env: cudaEnvironment() });
    return await createSession(file, provider, threads, device);
  } catch (error) {
    throw new ReigniteError('PROVIDER_UNAVAILABLE', unavailable(provider, errorClause(error)), { cause: error });
  }
}

/** Location in ONNX Runtime's sources and failed condition, which precede the actual message. */
const PLACE = /^\/?onnxruntime_src\/.* was false\. /;

/** The same in the middle of a message, with the signature of the function. */
const SIGNATURE = /\/onnxruntime_src\/\S+:\d+ [^()]*\([^()]*\) /;
/** Our own message already names the file. */
const FILE = /^Load model from .* failed: ?/;

/** Returns the first line of an error as a clause: without the location in ONNX Runtime's sources and without its full stop. */
export function errorClause(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] ?? '')
    .replace(PLACE, '')
    .replace(FILE, '')
    .replace(SIGNATURE, '')
    .trim()
    .replace(/\.$/, '');
}

/**
 * Opens a model on the CPU as runs do.
 *
 * @param laidOut - As in `SessionOptions`.
 * @throws ReigniteError MODEL_UNREADABLE.
 */
export async function openAsInRuns(
  path: string,
  laidOut: NonNullable<SessionOptions['laidOut']>,
): Promise<InferenceSession> {
  return (await openSession(path, { provider: 'cpu', laidOut })).session;
}

/**
 * Opens a model on the CPU without any optimisation of its graph.
 *
 * @throws ReigniteError MODEL_UNREADABLE.
 */
export async function openPlain(path: string): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path, {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'disabled',
      enableMemPattern: false,
      logSeverityLevel: 4,
    });
  } catch (cause) {
    throw new ReigniteError('MODEL_UNREADABLE', `The model ${path} cannot be loaded: ${String(cause)}`, {
      cause,
      remedy: 'Export the model to ONNX again, with operators that ONNX Runtime supports.',
    });
  }
}

/**
 * Opens an ONNX Runtime session in this thread, with the options that all networks are opened with.
 *
 * @param model - Path of an ONNX file, or its bytes.
 * @param threads - Threads of one run; undefined uses the physical cores.
 * @param device - Number of the GPU, for CUDA.
 * @throws Error from ONNX Runtime.
 */
export function createSession(
  model: string | Uint8Array,
  provider: Provider,
  threads: number | undefined,
  device = 0,
): Promise<InferenceSession> {
  const options = sessionOptions(provider, threads, device);
  return typeof model === 'string' ? InferenceSession.create(model, options) : InferenceSession.create(model, options);
}

function sessionOptions(
  provider: Provider,
  threads: number | undefined,
  device: number,
): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider === 'cuda' ? { name: 'cuda', deviceId: device } : provider],
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    interOpNumThreads: 1,
    // Only the highest level includes the channel-blocked layout, which takes a quarter of the time.
    graphOptimizationLevel: 'all',
    // A memory pattern would be allocated in addition to the memory of the first run: 200 MB for the paper's network,
    // without saving time.
    enableMemPattern: false,
    // Threads that sleep while they wait leave the cores to other processes: 9 to 20 % less time on a busy machine.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 4,
  };
}
