import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { userCacheFolder } from '../../files/home-folders.ts';
import { CUDA_VARIABLES, ortVersion } from '../session/engine.ts';

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
export function cudaLibrary(folder = bindingFolder()): string | undefined {
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
export function neededBy(library: string, environment: NodeJS.ProcessEnv = cudaEnvironment()): NeededLibraries {
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
