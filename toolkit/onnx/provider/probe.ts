import { type ExecFileSyncOptionsWithStringEncoding, execFileSync, fork } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir, release } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { z } from 'zod';
import { compiledFile } from '../../../config/package-files.ts';
import { type AdapterNames, adapterName, type Provider, UNKNOWN_ADAPTER } from '../session/engine-choice.ts';
import { cudaEnvironment } from './cuda.ts';
import { nvidiaAdapter, usedGpu } from './nvidia.ts';

const PROBE_MS = 60_000;
const ASK_MS = 10_000;

/** What a probing process reports. */
export const ProbeAnswer = z.object({
  error: z.string().nullable().describe('Why no session ran; null when one did'),
  libraries: z.array(z.string()).describe('Graphics libraries that the process had loaded, paths'),
});
export type ProbeAnswer = z.infer<typeof ProbeAnswer>;

/** Whether a provider runs here, and on what. */
export interface ProbedProvider extends AdapterNames {
  /** Undefined when a session ran. */
  readonly error?: string;
}

/**
 * Runs a network of one operator on a provider in a separate process, because drivers may crash and the log of the
 * Vulkan loader names the adapter.
 *
 * @param device - Number of the GPU, for CUDA.
 */
export async function probeProvider(provider: Provider, device = 0): Promise<ProbedProvider> {
  const { error, libraries, log } = await runProbe(provider, device);
  if (error !== null) return { error };
  if (provider === 'cuda') return nvidiaAdapter(usedGpu(device));
  return provider === 'webgpu' ? webgpuNames(log, libraries) : {};
}

function webgpuNames(log: string, libraries: readonly string[]): AdapterNames {
  if (process.platform === 'darwin') return metalAdapter();
  const { adapter = UNKNOWN_ADAPTER, library } = parseLoaderLog(log);
  const loaded = libraries.find((path) => library !== undefined && basename(path) === basename(library)) ?? library;
  return { adapter, ...(loaded !== undefined && { driver: vulkanDriver(loaded) }) };
}

const Displays = z.object({ SPDisplaysDataType: z.array(z.object({ sppci_model: z.string() })).min(1) });

/** Metal has no software rasteriser; its driver is part of the system. */
function metalAdapter(): AdapterNames {
  try {
    const options: ExecFileSyncOptionsWithStringEncoding = {
      encoding: 'utf8',
      timeout: ASK_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    };
    const output = execFileSync('system_profiler', ['SPDisplaysDataType', '-json'], options);
    const { SPDisplaysDataType: displays } = Displays.parse(JSON.parse(output));
    const names = displays.map(({ sppci_model }) => adapterName(sppci_model));
    return { adapter: names.join(' or '), driver: `Metal of Darwin ${release()}` };
  } catch {
    return { adapter: UNKNOWN_ADAPTER };
  }
}

function runProbe(provider: Provider, device: number): Promise<ProbeAnswer & { readonly log: string }> {
  const child = fork(compiledFile('toolkit/onnx/provider/probe-process.ts'), [provider, String(device)], {
    execArgv: [],
    env: { ...(provider === 'cuda' ? cudaEnvironment() : process.env), VK_LOADER_DEBUG: 'all' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    timeout: PROBE_MS,
    killSignal: 'SIGKILL',
  });
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  return new Promise((resolve) => {
    let answer: ProbeAnswer | undefined;
    child.once('message', (message) => {
      answer = ProbeAnswer.parse(message);
    });
    child.once('error', (error) => resolve({ error: error.message, libraries: [], log }));
    // `close` instead of `exit`: only then is the log complete.
    child.once('close', (status, signal) => {
      const died = `The process that tried the provider exited (${signal ?? `status ${status}`}).`;
      resolve({ ...(answer ?? { error: died, libraries: [] }), log });
    });
  });
}

let webgpu: Promise<ProbedProvider> | undefined;

/** Like {@link probeProvider} for WebGPU, once per thread. Starts no process if no Vulkan driver is installed. */
export function webgpuAdapter(): Promise<ProbedProvider> {
  const isHopeless = process.platform === 'linux' && !hasVulkanDriver();
  if (isHopeless) return Promise.resolve({ error: 'no Vulkan driver is installed' });
  webgpu ??= probeProvider('webgpu');
  return webgpu;
}

/**
 * Returns what a provider runs on in this process.
 *
 * @param device - Number of the GPU, for CUDA.
 */
export async function adapterOf(provider: Provider, device = 0): Promise<AdapterNames> {
  if (provider === 'cpu') return {};
  if (provider === 'cuda') return { adapter: UNKNOWN_ADAPTER, ...nvidiaAdapter(usedGpu(device)) };
  const { error, ...names } = await webgpuAdapter();
  return error === undefined ? names : { adapter: UNKNOWN_ADAPTER };
}

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
