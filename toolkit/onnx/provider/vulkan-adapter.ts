import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { type AdapterNames, adapterName } from './adapter.ts';
import { nvidiaAdapter } from './nvidia.ts';

/** The device that a program created, which the loader logs with the library of its driver. */
const CREATED = /Using "(.+)" with driver: "(.+)"/g;
/** The devices that it could choose from. Older loaders log only these. */
const LISTED = /^.*\[\d+\] (.+?)\s*$/gm;

/**
 * Reads from the log of the Vulkan loader (`VK_LOADER_DEBUG=all`) which adapter was chosen by Dawn, the WebGPU
 * implementation in ONNX Runtime. Neither ONNX Runtime nor its binding reports it.
 *
 * @param log - Standard error of the process that opened a WebGPU session.
 * @returns The adapter, and the library of its driver if the loader logs it; empty for any other log.
 */
export function parseLoaderLog(log: string): AdapterNames & { readonly library?: string } {
  const [, name, library] = [...log.matchAll(CREATED)].at(-1) ?? [];
  if (name !== undefined && library !== undefined) return { adapter: adapterName(name), library };
  const listed = [...new Set([...log.matchAll(LISTED)].flatMap(([, device]) => device ?? []))];
  // Dawn prefers hardware: a software rasteriser is chosen only if there is nothing else.
  const hardware = listed.filter((device) => adapterName(device) === device);
  const candidates = hardware.length > 0 ? hardware : listed;
  return candidates.length === 0 ? {} : { adapter: candidates.map(adapterName).join(' or ') };
}

/**
 * Returns name and version of the driver in a Vulkan library.
 *
 * @param library - Path of the library that the process loaded.
 */
export function vulkanDriver(library: string): string {
  const file = basename(library);
  if (/nvidia/i.test(file)) return `NVIDIA ${nvidiaAdapter().driver ?? 'of unknown version'}`;
  const mesa = /Mesa (\d+\.\d+\.\d+)/.exec(textOf(library))?.[1];
  return mesa === undefined ? file : `Mesa ${mesa}`;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

const NAMING_VARIABLES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'];

/** Returns whether a Vulkan driver is installed or named in the environment. Without one, there is no adapter to look for. */
export function hasVulkanDriver(environment: NodeJS.ProcessEnv = process.env): boolean {
  const named = NAMING_VARIABLES.flatMap((name) => (environment[name] ?? '').split(delimiter));
  if (named.some((path) => path !== '' && existsSync(path))) return true;
  const home = environment['HOME'] || homedir();
  const roots = [
    environment['XDG_CONFIG_HOME'] || join(home, '.config'),
    environment['XDG_DATA_HOME'] || join(home, '.local/share'),
    ...(environment['XDG_CONFIG_DIRS'] || '/etc/xdg').split(delimiter),
    ...(environment['XDG_DATA_DIRS'] || '/usr/local/share:/usr/share').split(delimiter),
    '/etc',
    '/usr/local/etc',
  ];
  return roots.some((root) => hasFile(join(root, 'vulkan', 'icd.d')));
}

function hasFile(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.endsWith('.json'));
  } catch {
    return false;
  }
}
