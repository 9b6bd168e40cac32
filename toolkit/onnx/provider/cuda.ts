import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { userCacheFolder } from '../../files/folders.ts';
import { type AdapterNames, adapterText } from '../session/engine-choice.ts';
import { CUDA_VARIABLES, ortVersion } from '../session/environment.ts';
import { nvidiaAdapter, visibleGpus } from './nvidia.ts';

/** Variable with the folders that the dynamic loader searches first; it is read when a process starts. */
const SEARCHED = 'LD_LIBRARY_PATH';
const ASK_MS = 20_000;

/** The provider's library by platform. */
const LIBRARY: Readonly<Record<string, string>> = {
  linux: 'libonnxruntime_providers_cuda.so',
  win32: 'onnxruntime_providers_cuda.dll',
};

/** Returns the folder of the binding, the only one in which ONNX Runtime looks for its providers. */
export function bindingFolder(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch);
}

/** Returns the path of the CUDA provider's library; undefined if it is not installed. */
function cudaLibrary(folder = bindingFolder()): string | undefined {
  const name = LIBRARY[process.platform];
  const path = name === undefined ? undefined : join(folder, name);
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** Returns the folder where `reignite gpu install` puts the provider and NVIDIA's libraries for this ONNX Runtime version. */
export function gpuFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(userCacheFolder(environment), `gpu-onnxruntime-${ortVersion()}`);
}

/** Returns its subfolder with NVIDIA's libraries. */
export function gpuLibraries(folder = gpuFolder()): string {
  return join(folder, 'lib');
}

/**
 * Returns the environment for a process that computes on CUDA: full float32, GPUs numbered as by `nvidia-smi`, and the
 * dynamic loader searches NVIDIA's libraries of `reignite gpu install`.
 */
export function cudaEnvironment(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...withLibraries(environment), ...CUDA_VARIABLES };
}

/** Returns the environment with those libraries; unchanged if none are installed. */
function withLibraries(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (areLibrariesSearched(environment)) return environment;
  const before = environment[SEARCHED];
  const folder = gpuLibraries(gpuFolder(environment));
  return { ...environment, [SEARCHED]: before ? `${folder}${delimiter}${before}` : folder };
}

/** Returns whether a process with this environment finds the installed libraries; true if none are installed. */
export function areLibrariesSearched(environment: NodeJS.ProcessEnv = process.env): boolean {
  const folder = gpuLibraries(gpuFolder(environment));
  return !hasFiles(folder) || (environment[SEARCHED] ?? '').split(delimiter).includes(folder);
}

function hasFiles(folder: string): boolean {
  try {
    return readdirSync(folder).length > 0;
  } catch {
    return false;
  }
}

/** What a library needs, according to the dynamic loader. */
export interface NeededLibraries {
  /** Names of libraries that were not found. */
  readonly missing: readonly string[];
  /** Major version of CUDA that it was built for. */
  readonly cuda?: number;
}

/** Asks the dynamic loader what a library needs. Without `ldd`, nothing is known. */
function neededBy(library: string, environment: NodeJS.ProcessEnv = cudaEnvironment()): NeededLibraries {
  try {
    const options: ExecFileSyncOptionsWithStringEncoding = {
      encoding: 'utf8',
      timeout: ASK_MS,
      env: environment,
      stdio: ['ignore', 'pipe', 'ignore'],
    };
    return parseLdd(execFileSync('ldd', [library], options));
  } catch {
    return { missing: [] };
  }
}

/**
 * Parses the output of `ldd`.
 *
 * @param output - Lines such as `libcudart.so.13 => not found`.
 */
export function parseLdd(output: string): NeededLibraries {
  const missing = [...output.matchAll(/^\s*(\S+) => not found/gm)].flatMap(([, name]) => name ?? []);
  const major = /libcudart\.so\.(\d+)/.exec(output)?.[1] ?? /libcublas\.so\.(\d+)/.exec(output)?.[1];
  return { missing: [...new Set(missing)], ...(major !== undefined && { cuda: Number(major) }) };
}

/** Oldest Linux driver that supports a major version of CUDA. @see https://docs.nvidia.com/deploy/cuda-compatibility/ */
const OLDEST_DRIVER: Readonly<Record<number, number>> = { 12: 525, 13: 580 };
/** Major version of CUDA of the provider that `reignite gpu install` downloads. */
const PINNED_CUDA = 13;

/** Why CUDA cannot run, and what to do about it. */
export interface CudaObstacle {
  /** A clause without a full stop, such as `no NVIDIA driver was found`. */
  readonly reason: string;
  readonly remedy: string;
}

/** What a machine has for CUDA. */
interface CudaSurroundings {
  /** Version of the NVIDIA driver. */
  readonly driver?: string | undefined;
  /** What the provider's library needs; missing if it is not installed. */
  readonly needs?: NeededLibraries | undefined;
  /** The GPUs that CUDA sees, by their numbers; missing if unknown. */
  readonly gpus?: readonly AdapterNames[] | undefined;
  /** Number of the GPU that is wanted. Default 0. */
  readonly device?: number;
}

const INSTALL = 'Run `npx reignite gpu install`.';

/**
 * Finds what prevents CUDA from running, before any of its libraries is loaded. The driver is checked first: without
 * one, or with one that is too old, installing libraries does not help.
 *
 * @returns Undefined if nothing is missing.
 */
export function cudaObstacle(found: CudaSurroundings = surroundings(0)): CudaObstacle | undefined {
  const { driver, needs, gpus, device = 0 } = found;
  if (driver === undefined) {
    return {
      reason: 'no NVIDIA driver was found',
      remedy: 'Install the NVIDIA driver. Without an NVIDIA GPU, use webgpu or cpu.',
    };
  }
  const cuda = needs?.cuda ?? PINNED_CUDA;
  const oldest = OLDEST_DRIVER[cuda];
  if (oldest !== undefined && Number.parseInt(driver, 10) < oldest) {
    return {
      reason: `the NVIDIA driver ${driver} is too old for CUDA ${cuda}`,
      remedy: `Install NVIDIA driver ${oldest} or later.`,
    };
  }
  if (gpus !== undefined && device >= gpus.length) return missingGpu(device, gpus);
  if (needs === undefined) return { reason: 'the CUDA provider is not installed', remedy: INSTALL };
  if (needs.missing.length === 0) return undefined;
  return { reason: `the loader does not find ${needs.missing.join(', ')}`, remedy: INSTALL };
}

/** Like {@link cudaObstacle}, for the GPU with this number. */
export function cudaObstacleOn(device: number): CudaObstacle | undefined {
  return cudaObstacle(surroundings(device));
}

function missingGpu(device: number, gpus: readonly AdapterNames[]): CudaObstacle {
  const [first, ...others] = gpus;
  if (first === undefined) {
    return {
      reason: 'CUDA_VISIBLE_DEVICES leaves no GPU',
      remedy: 'Set CUDA_VISIBLE_DEVICES to numbers that `nvidia-smi` lists, or remove it.',
    };
  }
  const only = others.length === 0 ? `GPU 0 (${adapterText(first)})` : `GPUs 0 to ${others.length}`;
  return {
    reason: `there is no GPU ${device}, only ${only}`,
    remedy: 'Name a GPU that `npx reignite doctor` lists.',
  };
}

function surroundings(device: number): CudaSurroundings {
  const library = cudaLibrary();
  const needs = library === undefined ? undefined : neededBy(library);
  return { driver: nvidiaAdapter().driver, needs, gpus: visibleGpus(), device };
}
