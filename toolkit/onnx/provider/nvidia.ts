import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AdapterNames } from '../session/engine-choice.ts';

/** Timeout, ms. A machine that does not answer in this time has no usable driver. */
const ASK_MS = 5_000;
const QUERY = ['--query-gpu=name,driver_version,memory.total,uuid', '--format=csv,noheader'];
const MIB_PER_GIB = 1024;
/** Where the kernel module describes itself, even if `nvidia-smi` is not installed. */
const KERNEL_MODULE = '/proc/driver/nvidia';

let answered: string | undefined;

function answer(): string {
  answered ??= ask();
  return answered;
}

/**
 * Returns name, memory and driver version of NVIDIA GPUs; empty if there are none. `nvidia-smi` runs once per process.
 *
 * @param used - The GPU that is used. Default: all GPUs of this machine.
 */
export function nvidiaAdapter(used?: UsedGpu): AdapterNames {
  const reported = parseAdapters(answer(), used);
  return reported.driver === undefined ? kernelModule(KERNEL_MODULE, used) : reported;
}

/** A GPU, numbered as by CUDA in PCI bus order, which is the order of `nvidia-smi`. */
export interface UsedGpu {
  /** Its number among the visible ones. */
  readonly device: number;
  /** Value of `CUDA_VISIBLE_DEVICES`: numbers or prefixes of UUIDs. If missing, all GPUs are visible. */
  readonly visible?: string | undefined;
}

/** Returns the GPU with this number among those that the environment makes visible. */
export function usedGpu(device = 0, environment: NodeJS.ProcessEnv = process.env): UsedGpu {
  return { device, visible: environment['CUDA_VISIBLE_DEVICES'] };
}

/**
 * Returns the GPUs that CUDA sees, in the order of their numbers.
 *
 * @param lines - See {@link parseAdapters}. Default: the output of `nvidia-smi` on this machine.
 * @param folder - For tests.
 * @returns Undefined if unknown: without an answer, or if parts of a GPU (MIG) are visible.
 */
export function visibleGpus(
  environment: NodeJS.ProcessEnv = process.env,
  lines = answer(),
  folder = KERNEL_MODULE,
): readonly AdapterNames[] | undefined {
  const { visible } = usedGpu(0, environment);
  const reported = parseGpus(lines);
  const gpus = reported.length > 0 ? reported : kernelModuleGpus(folder);
  const hasParts = visible?.split(',').some((entry) => entry.trim().startsWith('MIG')) ?? false;
  return gpus.length === 0 || hasParts ? undefined : visibleOf(gpus, visible).map((gpu) => namesOf([gpu]));
}

interface Gpu {
  readonly name: string;
  readonly version?: string;
  readonly mebibytes?: number;
  readonly uuid?: string;
}

function parseGpus(lines: string): readonly Gpu[] {
  return lines.split('\n').flatMap((line) => {
    const [, name, version, mebibytes, uuid] =
      /^(.+?), ([\d.]+)(?:, (?:(\d+) MiB|\[.*?\]))?(?:, ([\w-]+))?\s*$/.exec(line) ?? [];
    if (name === undefined || version === undefined) return [];
    const memory = mebibytes !== undefined && { mebibytes: Number(mebibytes) };
    return [{ name, version, ...memory, ...(uuid !== undefined && { uuid }) }];
  });
}

/** Selects the GPU that is used; all of them if none is given or it is not found. */
function chosenOf(gpus: readonly Gpu[], used: UsedGpu | undefined): readonly Gpu[] {
  if (used === undefined) return gpus;
  const chosen = visibleOf(gpus, used.visible)[used.device];
  return chosen === undefined ? gpus : [chosen];
}

/** Reads the variable like CUDA: up to the first entry that does not name a GPU. */
function visibleOf(gpus: readonly Gpu[], visible: string | undefined): readonly Gpu[] {
  if (visible === undefined) return gpus;
  const found: Gpu[] = [];
  for (const entry of visible.split(',').map((each) => each.trim())) {
    const gpu = /^\d+$/.test(entry)
      ? gpus[Number(entry)]
      : gpus.find(({ uuid }) => entry !== '' && uuid?.startsWith(entry));
    if (gpu === undefined) break;
    found.push(gpu);
  }
  return found;
}

/**
 * Parses the output of `nvidia-smi`.
 *
 * @param lines - One GPU per line: `name, driver version` and, if they were queried, `, memory MiB` and `, UUID`.
 * @param used - See {@link nvidiaAdapter}.
 */
export function parseAdapters(lines: string, used?: UsedGpu): AdapterNames {
  return namesOf(chosenOf(parseGpus(lines), used));
}

function namesOf(gpus: readonly Gpu[]): AdapterNames {
  if (gpus.length === 0) return {};
  const names = gpus.map(({ name, mebibytes }) =>
    mebibytes === undefined ? name : `${name} (${(mebibytes / MIB_PER_GIB).toFixed(1)} GiB)`,
  );
  return { adapter: joined(names), driver: joined(gpus.flatMap(({ version }) => version ?? [])) };
}

function joined(values: readonly string[]): string {
  return [...new Set(values)].join(' and ');
}

/**
 * Parses the memory of a GPU from the output of `nvidia-smi`.
 *
 * @param lines - See {@link parseAdapters}.
 * @returns Memory of the GPU that is used in bytes, or of the smallest if it is not known which one is used; undefined
 *   if no line contains it.
 */
export function parseMemory(lines: string, used?: UsedGpu): number | undefined {
  const sizes = chosenOf(parseGpus(lines), used).flatMap(({ mebibytes }) => mebibytes ?? []);
  return sizes.length === 0 ? undefined : Math.min(...sizes) * 2 ** 20;
}

/** Returns the memory of the NVIDIA GPU that is used in bytes; undefined if `nvidia-smi` does not report it. */
export function nvidiaMemory(used: UsedGpu): number | undefined {
  return parseMemory(answer(), used);
}

/**
 * Reads GPUs and driver version from the kernel module, which does not report memory.
 *
 * @param folder - For tests.
 * @param used - See {@link nvidiaAdapter}.
 */
export function kernelModule(folder = KERNEL_MODULE, used?: UsedGpu): AdapterNames {
  const version = kernelModuleVersion(folder);
  if (version === undefined) return {};
  const names = chosenOf(kernelModuleGpus(folder), used).map(({ name }) => name);
  return { ...(names.length > 0 && { adapter: joined(names) }), driver: version };
}

function kernelModuleVersion(folder: string): string | undefined {
  return / Kernel Module (?:for \S+ )?\s*([\d.]+)/.exec(textOf(join(folder, 'version')))?.[1];
}

function kernelModuleGpus(folder: string): readonly Gpu[] {
  const version = kernelModuleVersion(folder);
  if (version === undefined) return [];
  // Folders are named by their place on the PCI bus.
  return [...namesIn(join(folder, 'gpus'))].sort().flatMap((bus) => {
    const text = textOf(join(folder, 'gpus', bus, 'information'));
    const name = /^Model:\s*(.+?)\s*$/m.exec(text)?.[1];
    const uuid = /^GPU UUID:\s*(\S+)/m.exec(text)?.[1];
    return name === undefined ? [] : [{ name, version, ...(uuid !== undefined && { uuid }) }];
  });
}

function ask(): string {
  try {
    return execFileSync('nvidia-smi', QUERY, {
      encoding: 'utf8',
      timeout: ASK_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '';
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
