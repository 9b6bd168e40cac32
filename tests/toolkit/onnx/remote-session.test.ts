import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { isRealGpu } from '../../../toolkit/onnx/session/engine-choice.ts';
import { RemoteSession } from '../../../toolkit/onnx/session/remote-session.ts';
import { openSession } from '../../../toolkit/onnx/session/session.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { webgpuMissing } from '../../support/software-vulkan.ts';
import { writeTinyModel } from '../nnunet/support/tiny-model.ts';

const SIZE = [16, 24] as const;
const SHAPE = [1, 3, ...SIZE];
const input = Float32Array.from({ length: 3 * SIZE[0] * SIZE[1] }, (_, at) => (at % 255) / 255);
const missing = await webgpuMissing();

async function tinyModel(): Promise<string> {
  return join(await writeTinyModel(await temporaryFolder(), SIZE), 'fold_1.onnx');
}

async function onCpu(path: string): Promise<Tensor['data'] | undefined> {
  const { session } = await openSession(path, { provider: 'cpu' });
  const { softmax } = await session.run({ image: new Tensor('float32', input, SHAPE) });
  await session.release();
  return softmax?.data;
}

describe('a session in a separate process', () => {
  it('gives the bits of a session in this thread, in a new tensor or in a given one', async () => {
    const path = await tinyModel();
    const expected = await onCpu(path);
    const session = await RemoteSession.open(path, { provider: 'cpu', threads: 1 });
    expect(session.inputMetadata).toMatchObject([{ name: 'image', shape: SHAPE }]);
    const image = new Tensor('float32', input, SHAPE);
    const { softmax } = await session.run({ image }, ['softmax']);
    expect(softmax?.data).toEqual(expected);
    const given = new Float32Array(16 * 24 * 5);
    await session.run({ image }, { softmax: new Tensor('float32', given, [1, 16, 24, 5]) });
    expect(given).toEqual(expected);
    await session.release();
    await expect(session.run({ image })).rejects.toThrow('has ended');
  });

  it('starts another process after a killed one', async () => {
    const path = await tinyModel();
    const expected = await onCpu(path);
    const session = await RemoteSession.open(path, { provider: 'cpu', threads: 1 });
    const image = new Tensor('float32', input, SHAPE);
    const first = session.pid ?? 0;
    expect(first).toBeGreaterThan(0);
    process.kill(first, 'SIGKILL');
    // The signal may arrive before or during the first run; which of the two decides whether that one fails.
    const { softmax } = await session.run({ image }).catch(() => session.run({ image }));
    expect(softmax?.data).toEqual(expected);
    expect(session.pid).not.toBe(first);
    await session.release();
    await expect(session.run({ image })).rejects.toThrow('has ended');
  });

  it('says why a model cannot be opened, and what a run lacks', async () => {
    const path = await tinyModel();
    await expect(RemoteSession.open(`${path}.gone`, { provider: 'cpu' })).rejects.toThrow('.gone');
    const session = await RemoteSession.open(path, { provider: 'cpu', threads: 1 });
    await expect(session.run({ other: new Tensor('float32', input, SHAPE) })).rejects.toThrow("'image'");
    await session.release();
  });
});

describe.skipIf(missing !== undefined)(`WebGPU (${missing ?? 'on the driver at hand'})`, () => {
  it('opens sessions for threads one by one and at the same time, each named with its adapter', async () => {
    const path = await tinyModel();
    const expected = await onCpu(path);
    const opened = await Promise.all([1, 2].map(() => openSession(path, { provider: 'webgpu' })));
    const outputs = await Promise.all(
      opened.map(({ session }) => session.run({ image: new Tensor('float32', input, SHAPE) }, ['softmax'])),
    );
    for (const { softmax } of outputs) {
      const data = softmax?.data;
      if (!(data instanceof Float32Array) || !(expected instanceof Float32Array)) throw new TypeError('no float32');
      const largest = data.reduce((most, value, at) => Math.max(most, Math.abs(value - (expected[at] ?? 1))), 0);
      expect(data).toHaveLength(expected.length);
      expect(largest).toBeLessThan(1e-4);
    }
    for (const { session, provider, adapter } of opened) {
      expect(provider).toBe('webgpu');
      expect(adapter).toMatch(/\w/);
      expect(adapter).not.toBe('adapter unknown');
      await session.release();
    }
  });

  it('is chosen by auto on a GPU, but not if there is only a software rasteriser', async () => {
    const path = await tinyModel();
    const named = await openSession(path, { provider: 'webgpu' });
    const auto = await openSession(path, { provider: 'auto' });
    await named.session.release();
    await auto.session.release();
    if (isRealGpu(named)) {
      expect(['cuda', 'webgpu']).toContain(auto.provider);
      return;
    }
    expect(auto.provider).not.toBe('webgpu');
    expect(auto.fallbacks.join(' ')).toContain('which is not known to be a GPU');
  });
});
