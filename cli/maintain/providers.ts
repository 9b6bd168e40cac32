import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { GPU_ORT_VERSION } from '../../runtime/gpu-libraries.ts';
import {
  type GpuInstallOptions,
  type GpuInstallPlan,
  installGpu,
  type PlannedWheel,
  planGpuInstall,
} from '../../runtime/install-gpu.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { bytesText } from '../../toolkit/format.ts';
import { type CudaObstacle, cudaObstacle } from '../../toolkit/onnx/provider/cuda.ts';
import { visibleGpus } from '../../toolkit/onnx/provider/nvidia.ts';
import { type ProbedProvider, probeProvider } from '../../toolkit/onnx/provider/probe.ts';
import {
  type AdapterNames,
  adapterText,
  isRealGpu,
  PROVIDERS,
  type Provider,
} from '../../toolkit/onnx/session/engine-choice.ts';
import { ortVersion } from '../../toolkit/onnx/session/environment.ts';
import { errorClause } from '../../toolkit/onnx/session/session.ts';
import { EXIT, printResult, printStep } from '../output.ts';

/** Options of `gpu install`. */
export interface GpuOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly index?: string;
  readonly json?: boolean;
}

/**
 * `reignite gpu install`: downloads the CUDA provider of ONNX Runtime and NVIDIA's libraries into the user's cache, and
 * reports whether CUDA works afterwards.
 *
 * @returns The exit status: 1 if CUDA does not work afterwards.
 * @throws ReigniteError USAGE if the download is not confirmed; PROVIDER_UNAVAILABLE on machines without a provider.
 */
export async function gpuCommand(
  options: GpuOptions,
  signal: AbortSignal,
  install: GpuInstallOptions = {},
): Promise<number> {
  refuseOtherMachine();
  const settings = { ...install, ...(options.index !== undefined && { index: options.index }) };
  const plan = await planGpuInstall(settings);
  if (options.dryRun) {
    printResult(options.json ? JSON.stringify(documentOf(plan), null, 1) : linesOf(plan).join('\n'));
    return EXIT.done;
  }
  for (const line of linesOf(plan)) printStep(line);
  if (plan.downloadBytes > 0 && options.yes !== true) await confirmDownload(signal);
  await installGpu(plan, { ...settings, signal, onStep: printStep });
  const finding = await cudaFinding();
  printResult(options.json ? JSON.stringify({ ...documentOf(plan), cuda: finding }, null, 1) : lineOf(finding));
  return finding.status === 'pass' ? EXIT.done : EXIT.error;
}

function refuseOtherMachine(): void {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new ReigniteError(
      'PROVIDER_UNAVAILABLE',
      `The CUDA provider can be installed only on Linux x64; this machine is ${process.platform} ${process.arch}.`,
      { remedy: 'Set inference.provider to cpu or webgpu.' },
    );
  }
  if (ortVersion() === GPU_ORT_VERSION) return;
  throw new ReigniteError(
    'PROVIDER_UNAVAILABLE',
    `The pinned CUDA provider is for ONNX Runtime ${GPU_ORT_VERSION}; ${ortVersion()} is installed.`,
    { remedy: 'Install the package again: `npm ci`.' },
  );
}

/**
 * Asks at a terminal whether to download. Ctrl-D means no. Ctrl-C is passed on as SIGINT, because the prompt keeps the
 * terminal from sending it.
 *
 * @throws ReigniteError USAGE for any answer but yes, and without a terminal; the signal's reason.
 */
export async function confirmDownload(
  signal: AbortSignal,
  input: Readable & { readonly isTTY?: boolean } = process.stdin,
  output: Writable = process.stderr,
): Promise<void> {
  const refusal = new ReigniteError('USAGE', 'The download was not confirmed.', {
    remedy: 'Run the command again with `--yes` if you accept the licences and the size.',
  });
  if (input.isTTY !== true) throw refusal;
  const terminal = createInterface({ input, output, terminal: true });
  terminal.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  // Some versions of Node.js never settle a question whose terminal is closed.
  const closed = new Promise<undefined>((resolve) => terminal.once('close', () => resolve(undefined)));
  try {
    const question = terminal.question('Accept these licences and download? [y/N] ', { signal }).catch(() => undefined);
    const answer = await Promise.race([question, closed]);
    signal.throwIfAborted();
    if (!/^y(es)?$/i.test(answer?.trim() ?? '')) throw refusal;
  } finally {
    terminal.close();
  }
}

function linesOf({ folder, wheels, downloadBytes, diskBytes }: GpuInstallPlan): string[] {
  return [
    ...wheels.map(
      (planned) => `  ${nameOf(planned).padEnd(20)} ${howText(planned).padEnd(20)} ${planned.wheel.licence}`,
    ),
    downloadBytes === 0
      ? `Nothing to download: all libraries are in ${folder}.`
      : `Download: ${bytesText(downloadBytes)}. Disk space: ${bytesText(diskBytes)} in ${folder}.`,
  ];
}

function nameOf({ wheel }: PlannedWheel): string {
  return wheel.project;
}

function howText({ wheel, how }: PlannedWheel): string {
  if (how === 'installed') return 'installed';
  return how === 'linked' ? 'from Python packages' : `${bytesText(wheel.bytes)} to download`;
}

function documentOf({ folder, wheels, downloadBytes, diskBytes }: GpuInstallPlan) {
  return {
    folder,
    downloadBytes,
    diskBytes,
    libraries: wheels.map(({ wheel, how }) => ({
      project: wheel.project,
      file: wheel.file,
      how,
      bytes: wheel.bytes,
      sha256: wheel.sha256,
      licence: wheel.licence,
    })),
  };
}

const REMEDIES: Readonly<Record<Provider, string>> = {
  cpu: 'Install the package again: `npm ci`.',
  cuda: 'Run `npx reignite gpu install`, or use another provider.',
  webgpu: 'WebGPU needs a GPU with a Vulkan, Metal or Direct3D 12 driver. Without one, use cpu.',
};

/** What providers are checked with. */
interface ProviderChecks {
  readonly obstacle: CudaObstacle | undefined;
  /** The GPUs that CUDA sees; undefined if unknown. */
  readonly gpus: readonly AdapterNames[] | undefined;
  readonly probe: typeof probeProvider;
}

/** The result of one check. */
export interface Finding {
  readonly name: string;
  readonly status: 'pass' | 'warn' | 'fail';
  readonly detail: string;
  /** What to do about it; missing if there is nothing to do. */
  readonly remedy?: string;
}

/**
 * Checks which execution providers can run a network here, and on which device; CUDA on each of its GPUs.
 * @param checks - Replacements for tests.
 */
export async function checkProviders(checks: Partial<ProviderChecks> = {}): Promise<Finding[]> {
  const { obstacle, gpus, probe } = { obstacle: cudaObstacle(), gpus: visibleGpus(), probe: probeProvider, ...checks };
  const onCuda = async (device: number, names?: AdapterNames): Promise<Probed> => {
    if (obstacle !== undefined) return { provider: 'cuda', error: obstacle.reason };
    const probed = await probe('cuda', device);
    return names === undefined ? { provider: 'cuda', ...probed } : { provider: 'cuda', ...names, ...probed, device };
  };
  const several = obstacle === undefined && gpus !== undefined && gpus.length > 1 ? gpus : undefined;
  const probed = await Promise.all(
    PROVIDERS.flatMap((provider): readonly Promise<Probed>[] => {
      if (provider !== 'cuda') return [probe(provider).then((each) => ({ provider, ...each }))];
      return several?.map((names, device) => onCuda(device, names)) ?? [onCuda(0)];
    }),
  );
  return [...probed.map((each) => findingOf(each, obstacle)), automatic(probed)];
}

/** Checks whether CUDA works, and what is missing. */
async function cudaFinding(): Promise<Finding> {
  const obstacle = cudaObstacle();
  const probed = obstacle === undefined ? await probeProvider('cuda') : { error: obstacle.reason };
  return findingOf({ provider: 'cuda', ...probed }, obstacle);
}

/** Formats a finding for people. */
export function lineOf({ status, name, detail, remedy }: Finding): string {
  const line = `${status.padEnd(5)} ${name.padEnd(19)} ${detail}`;
  return remedy === undefined ? line : `${line}\n${' '.repeat(26)}${remedy}`;
}

interface Probed extends ProbedProvider {
  readonly provider: Provider;
  /** Number of the GPU, if there are several. */
  readonly device?: number;
}

function findingOf({ provider, error, device, ...names }: Probed, obstacle: CudaObstacle | undefined): Finding {
  const name = `ONNX Runtime ${provider}`;
  const gpu = device === undefined ? '' : `GPU ${device}, `;
  if (error !== undefined) {
    const remedy = (provider === 'cuda' ? obstacle?.remedy : undefined) ?? REMEDIES[provider];
    const which = device === undefined ? '' : `${gpu}${adapterText(names)}: `;
    return { name, status: provider === 'cpu' ? 'fail' : 'warn', detail: `${which}${errorClause(error)}`, remedy };
  }
  const on = provider === 'cpu' ? '' : ` on ${gpu}${adapterText(names)}`;
  const precision = provider === 'cuda' ? '; full float32, TensorFloat-32 is switched off' : '';
  const detail = `${ortVersion()} runs${on}${precision}`;
  if (provider !== 'webgpu' || isRealGpu(names)) return { name, status: 'pass', detail };
  return { name, status: 'pass', detail: `${detail}; used only if set as inference.provider, slower than cpu` };
}

/** Says which provider `auto` selects, and why not the preceding ones. */
function automatic(probed: readonly Probed[]): Finding {
  const preferred = (['cuda', 'webgpu'] as const).flatMap(
    (name) => probed.find(({ provider }) => provider === name) ?? [],
  );
  const reasons: string[] = [];
  for (const { provider, error, ...names } of preferred) {
    if (error === undefined && (provider === 'cuda' || isRealGpu(names))) return automaticFinding(provider, reasons);
    reasons.push(`not ${provider} (${error === undefined ? adapterText(names) : errorClause(error)})`);
  }
  return automaticFinding('cpu', reasons);
}

function automaticFinding(provider: Provider, reasons: readonly string[]): Finding {
  return { name: 'Provider auto', status: 'pass', detail: [`takes ${provider}`, ...reasons].join(', ') };
}
