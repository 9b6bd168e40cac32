import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { compiledFile } from '../../../config/package-files.ts';
import { writeModel } from '../../../toolkit/onnx/file/write-model.ts';
import { GraphBuilder } from '../../../toolkit/onnx/graph/graph.ts';
import { leakyRelu } from '../../../toolkit/onnx/graph/operators.ts';
import { ortVersion } from '../../../toolkit/onnx/session/engine.ts';
import { PROVIDERS, type Provider } from '../../../toolkit/onnx/session/session.ts';
import type { Finding } from '../doctor.ts';

const REMEDIES: Readonly<Record<Provider, string>> = {
  cpu: 'Install the package again: `npm ci`.',
  cuda:
    'On Linux x64 with an NVIDIA GPU: `node node_modules/onnxruntime-node/script/install.js` downloads the CUDA files that ' +
    'npm leaves out; CUDA 12 and cuDNN 9 must be found by the loader (LD_LIBRARY_PATH).',
  webgpu: 'It needs a GPU with a Vulkan, Metal or Direct3D 12 driver; cpu works without.',
};

const PROBE_MS = 60_000;
const Answer = z.object({ error: z.string().nullable() });

/** Which execution providers really open a session here. */
export async function checkProviders(): Promise<Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'reignite-doctor-'));
  try {
    const model = join(folder, 'probe.onnx');
    await writeModel(model, probeGraph());
    return await Promise.all(PROVIDERS.map((provider) => checkProvider(provider, model)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkProvider(provider: Provider, model: string): Promise<Finding> {
  const name = `ONNX Runtime ${provider}`;
  const error = await probe(provider, model);
  if (error === null) return { name, status: 'pass', detail: `${ortVersion()} opens a session` };
  return { name, status: provider === 'cpu' ? 'fail' : 'warn', detail: error, remedy: REMEDIES[provider] };
}

/** Opens a session in a process of its own. @returns What went wrong; null when nothing did. */
function probe(provider: Provider, model: string): Promise<string | null> {
  const child = fork(compiledFile('cli/maintain/doctor/probe-provider.ts'), [model, provider], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    timeout: PROBE_MS,
  });
  return new Promise((resolve) => {
    child.once('message', (message) => resolve(Answer.parse(message).error));
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (status, signal) =>
      resolve(`The process that tried it exited (${signal ?? `status ${status}`}).`),
    );
  });
}

function probeGraph() {
  const builder = new GraphBuilder('probe');
  const shape = [1, 3, 8, 8];
  const input = builder.input('input', 'float32', shape);
  builder.output(leakyRelu(builder, 'output', input, 0.01), 'float32', shape);
  return builder.build();
}
