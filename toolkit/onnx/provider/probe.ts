import { type ExecFileSyncOptionsWithStringEncoding, execFileSync, fork } from 'node:child_process';
import { release } from 'node:os';
import { basename } from 'node:path';
import { z } from 'zod';
import { compiledFile } from '../../../config/package-files.ts';
import type { Provider } from '../session/session.ts';
import { type AdapterNames, adapterName, UNKNOWN_ADAPTER } from './adapter.ts';
import { cudaEnvironment } from './cuda-files.ts';
import { nvidiaAdapter, usedGpu } from './nvidia.ts';
import { hasVulkanDriver, parseLoaderLog, vulkanDriver } from './vulkan-adapter.ts';

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
