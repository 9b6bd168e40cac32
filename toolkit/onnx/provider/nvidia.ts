import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AdapterNames } from './adapter.ts';

/** A machine that does not answer in this time has no usable driver. Unit: ms. */
const ASK_MS = 5_000;
const QUERY = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
const MIB_PER_GIB = 1024;
/** Where the kernel module describes itself, also where `nvidia-smi` is not installed. */
const KERNEL_MODULE = '/proc/driver/nvidia';

let known: AdapterNames | undefined;
let answered: string | undefined;

function answer(): string {
  answered ??= ask();
  return answered;
}

/** Names, memory and driver version of this machine's NVIDIA GPUs, asked once per process; nothing where there are none. */
export function nvidiaAdapter(): AdapterNames {
  if (known !== undefined) return known;
  const told = parseAdapters(answer());
  known = told.driver === undefined ? kernelModule() : told;
  return known;
}

/**
 * @param lines - What `nvidia-smi` prints: a GPU per line, `name, driver version` and, where it was asked,
 *   `, memory MiB`.
 */
export function parseAdapters(lines: string): AdapterNames {
  const rows = lines.split('\n').flatMap((line) => {
    const [, name, version, mebibytes] = /^(.+?), ([\d.]+)(?:, (\d+) MiB)?\s*$/.exec(line) ?? [];
    if (name === undefined || version === undefined) return [];
    const memory = mebibytes === undefined ? '' : ` (${(Number(mebibytes) / MIB_PER_GIB).toFixed(1)} GiB)`;
    return [{ name: `${name}${memory}`, version }];
  });
  if (rows.length === 0) return {};
  const join = (values: readonly string[]) => [...new Set(values)].join(' and ');
  return { adapter: join(rows.map(({ name }) => name)), driver: join(rows.map(({ version }) => version)) };
}

/**
 * @param lines - As {@link parseAdapters} takes them.
 * @returns Memory of the smallest GPU in bytes; undefined where no line says it.
 */
export function parseMemory(lines: string): number | undefined {
  const sizes = [...lines.matchAll(/, (\d+) MiB\s*$/gm)].map(([, mebibytes]) => Number(mebibytes) * 2 ** 20);
  return sizes.length === 0 ? undefined : Math.min(...sizes);
}

/** Memory of this machine's smallest NVIDIA GPU in bytes; undefined where `nvidia-smi` does not say it. */
export function nvidiaMemory(): number | undefined {
  return parseMemory(answer());
}

/**
 * Reads what the kernel module says, which holds no size of memory.
 *
 * @param folder - For tests.
 */
export function kernelModule(folder = KERNEL_MODULE): AdapterNames {
  const version = / Kernel Module (?:for \S+ )?\s*([\d.]+)/.exec(textOf(join(folder, 'version')))?.[1];
  if (version === undefined) return {};
  const models = namesIn(join(folder, 'gpus')).flatMap((bus) => {
    const model = /^Model:\s*(.+?)\s*$/m.exec(textOf(join(folder, 'gpus', bus, 'information')))?.[1];
    return model === undefined ? [] : [model];
  });
  return { ...(models.length > 0 && { adapter: [...new Set(models)].join(' and ') }), driver: version };
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
