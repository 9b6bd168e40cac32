import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { cudaEnvironment } from '../../../toolkit/onnx/provider/cuda.ts';
import { areCudaVariablesSet } from '../../../toolkit/onnx/session/environment.ts';
import { InferenceThread } from '../../../toolkit/onnx/session/inference-thread.ts';

const before = { ...process.env };
const VARIABLES = { NVIDIA_TF32_OVERRIDE: '0', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' };
afterEach(() => {
  for (const name of Object.keys(VARIABLES)) set(name, before[name]);
});

function set(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

describe.each([
  ['in full float32', 'NVIDIA_TF32_OVERRIDE', '1'],
  ['on GPUs numbered as nvidia-smi does', 'CUDA_DEVICE_ORDER', 'FASTEST_FIRST'],
] as const)('runs networks %s', (_what, name, other) => {
  /** Answers the first request with what its environment says. */
  const answers = `
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', ({ kind, id }) => {
    if (kind === 'close') process.exit();
    parentPort.postMessage({ kind: 'answer', id, answer: process.env.${name} ?? 'not set' });
  });`;

  it.each([undefined, other])('whatever the user has set (%s)', async (value) => {
    set(name, value);
    const thread = new InferenceThread<string, string, never>(
      () => new Worker(answers, { eval: true }),
      () => 'it answered',
    );
    expect(await thread.ask('the environment')).toBe(VARIABLES[name]);
    await thread.close();
  });

  it('in a separate process too, if this one was started without it', () => {
    const environment = { ...VARIABLES, [name]: other };
    expect(areCudaVariablesSet(environment)).toBe(false);
    expect(areCudaVariablesSet(VARIABLES)).toBe(true);
    expect(cudaEnvironment(environment)).toMatchObject(VARIABLES);
  });
});
