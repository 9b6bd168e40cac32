import { type CudaObstacle, cudaObstacle } from '../../toolkit/onnx/provider/cuda.ts';
import { visibleGpus } from '../../toolkit/onnx/provider/nvidia.ts';
import { type ProbedProvider, probeProvider } from '../../toolkit/onnx/provider/probe.ts';
import { ortVersion } from '../../toolkit/onnx/session/engine.ts';
import { type AdapterNames, adapterText, isRealGpu } from '../../toolkit/onnx/session/engine-choice.ts';
import { errorClause, PROVIDERS, type Provider } from '../../toolkit/onnx/session/session.ts';
import type { Finding } from './doctor.ts';

const REMEDIES: Readonly<Record<Provider, string>> = {
  cpu: 'Install the package again: `npm ci`.',
  cuda: 'Run `npx reignite gpu install`, or use another provider.',
  webgpu: 'WebGPU needs a GPU with a Vulkan, Metal or Direct3D 12 driver. Without one, use cpu.',
};

/** What providers are checked with. */
export interface ProviderChecks {
  readonly obstacle: CudaObstacle | undefined;
  /** The GPUs that CUDA sees; undefined if unknown. */
  readonly gpus: readonly AdapterNames[] | undefined;
  readonly probe: typeof probeProvider;
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
export async function cudaFinding(): Promise<Finding> {
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
