import { expect, it } from 'vitest';
import { checkProviders } from '../../../cli/maintain/providers.ts';
import type { ProbedProvider } from '../../../toolkit/onnx/provider/probe.ts';
import type { Provider } from '../../../toolkit/onnx/session/engine-choice.ts';

const H200 = { adapter: 'NVIDIA H200 (140.4 GiB)', driver: '580.95.05' };
const T4 = { adapter: 'NVIDIA T4 (15.0 GiB)', driver: '580.95.05' };

/** Finds `gpus` on CUDA, and nothing on WebGPU. */
function probing(gpus: readonly ProbedProvider[]) {
  return async (provider: Provider, device = 0): Promise<ProbedProvider> => {
    if (provider === 'cuda') return gpus[device] ?? { error: `no GPU ${device}` };
    return provider === 'cpu' ? {} : { error: 'no adapter' };
  };
}

it('names every GPU and runs a network on each', async () => {
  const probe = probing([H200, { error: 'CUDA failure 2: out of memory' }]);
  const findings = await checkProviders({ obstacle: undefined, gpus: [H200, T4], probe });
  const ofCuda = findings.filter(({ name }) => name === 'ONNX Runtime cuda');
  expect(ofCuda).toMatchObject([
    { status: 'pass', detail: expect.stringMatching(/^[\d.]+ runs on GPU 0, NVIDIA H200 \(140\.4 GiB\), driver 580/) },
    { status: 'warn', detail: 'GPU 1, NVIDIA T4 (15.0 GiB), driver 580.95.05: CUDA failure 2: out of memory' },
  ]);
  expect(findings.at(-1)).toMatchObject({ name: 'Provider auto', detail: 'takes cuda' });
});

it('shows no number for the only GPU, nor for unknown ones', async () => {
  for (const gpus of [[H200], undefined]) {
    const findings = await checkProviders({ obstacle: undefined, gpus, probe: probing([H200]) });
    const ofCuda = findings.filter(({ name }) => name === 'ONNX Runtime cuda');
    expect(ofCuda).toMatchObject([{ status: 'pass', detail: expect.stringContaining('runs on NVIDIA H200') }]);
  }
});

it('does not try CUDA if something is missing', async () => {
  const obstacle = { reason: 'the CUDA provider is not installed', remedy: 'Install it.' };
  const findings = await checkProviders({ obstacle, gpus: [H200, T4], probe: probing([]) });
  const ofCuda = findings.filter(({ name }) => name === 'ONNX Runtime cuda');
  expect(ofCuda).toEqual([
    { name: 'ONNX Runtime cuda', status: 'warn', detail: obstacle.reason, remedy: obstacle.remedy },
  ]);
});
