import { type AdapterNames, adapterText } from './adapter.ts';
import { cudaLibrary, type NeededLibraries, neededBy } from './cuda-files.ts';
import { nvidiaAdapter, visibleGpus } from './nvidia.ts';

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
export interface CudaSurroundings {
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
