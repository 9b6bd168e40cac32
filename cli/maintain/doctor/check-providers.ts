import { adapterText, isRealGpu } from '../../../toolkit/onnx/provider/adapter.ts';
import { type CudaObstacle, cudaObstacle } from '../../../toolkit/onnx/provider/cuda-obstacle.ts';
import { errorClause } from '../../../toolkit/onnx/provider/error-clause.ts';
import { type ProbedProvider, probeProvider } from '../../../toolkit/onnx/provider/probe.ts';
import { ortVersion } from '../../../toolkit/onnx/session/engine.ts';
import { PROVIDERS, type Provider } from '../../../toolkit/onnx/session/session.ts';
import type { Finding } from '../doctor.ts';

const REMEDIES: Readonly<Record<Provider, string>> = {
  cpu: 'Install the package again: `npm ci`.',
  cuda: 'Run `npx reignite gpu install`, or use another provider.',
  webgpu: 'WebGPU needs a GPU with a Vulkan, Metal or Direct3D 12 driver. Without one, use cpu.',
};

/** Which execution providers really run a network here, and on what. */
export async function checkProviders(): Promise<Finding[]> {
  const obstacle = cudaObstacle();
  const probed = await Promise.all(
    PROVIDERS.map(async (provider) => ({
      provider,
      ...(provider === 'cuda' && obstacle !== undefined ? { error: obstacle.reason } : await probeProvider(provider)),
    })),
  );
  return [...probed.map((each) => findingOf(each, obstacle)), automatic(probed)];
}

/** Whether CUDA runs, and what is missing. */
export async function cudaFinding(): Promise<Finding> {
  const obstacle = cudaObstacle();
  const probed = obstacle === undefined ? await probeProvider('cuda') : { error: obstacle.reason };
  return findingOf({ provider: 'cuda', ...probed }, obstacle);
}

/** A finding as a person reads it. */
export function lineOf({ status, name, detail, remedy }: Finding): string {
  const line = `${status.padEnd(5)} ${name.padEnd(18)} ${detail}`;
  return remedy === undefined ? line : `${line}\n${' '.repeat(25)}${remedy}`;
}

type Probed = ProbedProvider & { readonly provider: Provider };

function findingOf({ provider, error, ...names }: Probed, obstacle: CudaObstacle | undefined): Finding {
  const name = `ONNX Runtime ${provider}`;
  if (error !== undefined) {
    const remedy = (provider === 'cuda' ? obstacle?.remedy : undefined) ?? REMEDIES[provider];
    return { name, status: provider === 'cpu' ? 'fail' : 'warn', detail: errorClause(error), remedy };
  }
  const on = provider === 'cpu' ? '' : ` on ${adapterText(names)}`;
  const precision = provider === 'cuda' ? '; full float32, TensorFloat-32 is switched off' : '';
  const detail = `${ortVersion()} runs${on}${precision}`;
  if (provider !== 'webgpu' || isRealGpu(names)) return { name, status: 'pass', detail };
  return { name, status: 'pass', detail: `${detail}; used only if set as inference.provider, slower than cpu` };
}

/** Which provider `auto` takes, and why not those before it, a clause each. */
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
