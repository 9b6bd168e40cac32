import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AdapterNames } from './adapter.ts';

/** A machine that does not answer in this time has no usable driver. Unit: ms. */
const ASK_MS = 5_000;
const QUERY = ['--query-gpu=name,driver_version,memory.total,uuid', '--format=csv,noheader'];
const MIB_PER_GIB = 1024;
/** Where the kernel module describes itself, also where `nvidia-smi` is not installed. */
const KERNEL_MODULE = '/proc/driver/nvidia';

let answered: string | undefined;

function answer(): string {
  answered ??= ask();
  return answered;
}

/**
 * Name, memory and driver version of NVIDIA GPUs, asked once per process; nothing where there are none.
 *
 * @param used - The GPU that is used; without it, all of this machine are named.
 */
export function nvidiaAdapter(used?: UsedGpu): AdapterNames {
  const told = parseAdapters(answer(), used);
  return told.driver === undefined ? kernelModule(KERNEL_MODULE, used) : told;
}

/** A GPU as CUDA counts in the order of the PCI bus, which is that of `nvidia-smi`. */
export interface UsedGpu {
  /** Its number among those that are visible. */
  readonly device: number;
  /** Value of `CUDA_VISIBLE_DEVICES`: numbers or beginnings of UUIDs. Missing: all are visible. */
  readonly visible?: string | undefined;
}

/** The GPU with this number among those that the environment makes visible. */
export function usedGpu(device = 0, environment: NodeJS.ProcessEnv = process.env): UsedGpu {
  return { device, visible: environment['CUDA_VISIBLE_DEVICES'] };
}

/**
 * The GPUs that CUDA sees, in the order of their numbers.
 *
 * @param lines - As {@link parseAdapters} takes them. Default: what `nvidia-smi` prints here.
 * @param folder - For tests.
 * @returns Undefined where that is not known: without an answer, and where parts of a GPU (MIG) are visible.
 */
export function visibleGpus(
  environment: NodeJS.ProcessEnv = process.env,
  lines = answer(),
  folder = KERNEL_MODULE,
): readonly AdapterNames[] | undefined {
  const { visible } = usedGpu(0, environment);
  const told = parseGpus(lines);
  const gpus = told.length > 0 ? told : kernelModuleGpus(folder);
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

/** The one that is used; all of them where none is named, or where it is not known which one that is. */
function chosenOf(gpus: readonly Gpu[], used: UsedGpu | undefined): readonly Gpu[] {
  if (used === undefined) return gpus;
  const chosen = visibleOf(gpus, used.visible)[used.device];
  return chosen === undefined ? gpus : [chosen];
}

/** As CUDA reads the variable: up to the first entry that names no GPU. */
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
 * @param lines - What `nvidia-smi` prints: a GPU per line, `name, driver version` and, where they were asked,
 *   `, memory MiB` and `, UUID`.
 * @param used - As {@link nvidiaAdapter} takes it.
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
 * @param lines - As {@link parseAdapters} takes them.
 * @returns Memory of the GPU that is used in bytes, of the smallest where it is not known which one that is; undefined
 *   where no line says it.
 */
export function parseMemory(lines: string, used?: UsedGpu): number | undefined {
  const sizes = chosenOf(parseGpus(lines), used).flatMap(({ mebibytes }) => mebibytes ?? []);
  return sizes.length === 0 ? undefined : Math.min(...sizes) * 2 ** 20;
}

/** Memory of the NVIDIA GPU that is used in bytes; undefined where `nvidia-smi` does not say it. */
export function nvidiaMemory(used: UsedGpu): number | undefined {
  return parseMemory(answer(), used);
}

/**
 * Reads what the kernel module says, which holds no size of memory.
 *
 * @param folder - For tests.
 * @param used - As {@link nvidiaAdapter} takes it.
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
