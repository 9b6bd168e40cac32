import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { userCacheFolder } from '../../files/user-cache.ts';
import { CUDA_VARIABLES, ortVersion } from '../session/engine.ts';

/** Variable that names where the dynamic loader looks first; it is read when a process starts. */
const SEARCHED = 'LD_LIBRARY_PATH';
const ASK_MS = 20_000;

/** The provider's library by platform. */
const LIBRARY: Readonly<Record<string, string>> = {
  linux: 'libonnxruntime_providers_cuda.so',
  win32: 'onnxruntime_providers_cuda.dll',
};

/** Folder of the binding: ONNX Runtime looks for its providers there and nowhere else. */
export function bindingFolder(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch);
}

/** The library of the CUDA provider; undefined where it is not installed. */
export function cudaLibrary(folder = bindingFolder()): string | undefined {
  const name = LIBRARY[process.platform];
  const path = name === undefined ? undefined : join(folder, name);
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** Where `reignite gpu install` puts the provider and NVIDIA's libraries, for this version of ONNX Runtime. */
export function gpuFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(userCacheFolder(environment), `gpu-onnxruntime-${ortVersion()}`);
}

/** The folder of NVIDIA's libraries in it. */
export function gpuLibraries(folder = gpuFolder()): string {
  return join(folder, 'lib');
}

/**
 * The environment of a process that computes on CUDA: full float32, GPUs numbered as `nvidia-smi` does, and NVIDIA's libraries of `reignite gpu install`
 * where the dynamic loader finds them.
 */
export function cudaEnvironment(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...withLibraries(environment), ...CUDA_VARIABLES };
}

/** The environment with those libraries; unchanged if none are installed. */
function withLibraries(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (areLibrariesSearched(environment)) return environment;
  const before = environment[SEARCHED];
  const folder = gpuLibraries(gpuFolder(environment));
  return { ...environment, [SEARCHED]: before ? `${folder}${delimiter}${before}` : folder };
}

/** Whether a process started with this environment finds what was installed, or nothing was installed. */
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

/** What the loader says that a library needs. */
export interface NeededLibraries {
  /** Names of libraries that are not found. */
  readonly missing: readonly string[];
  /** Major version of CUDA that it was built for. */
  readonly cuda?: number;
}

/** Asks the dynamic loader what a library needs; nothing is known where there is no `ldd`. */
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
 * @param output - What `ldd` prints: `libcudart.so.13 => not found` a line.
 */
export function parseLdd(output: string): NeededLibraries {
  const missing = [...output.matchAll(/^\s*(\S+) => not found/gm)].flatMap(([, name]) => name ?? []);
  const major = /libcudart\.so\.(\d+)/.exec(output)?.[1] ?? /libcublas\.so\.(\d+)/.exec(output)?.[1];
  return { missing: [...new Set(missing)], ...(major !== undefined && { cuda: Number(major) }) };
}
