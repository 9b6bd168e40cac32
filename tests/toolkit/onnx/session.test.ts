import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { openSession } from '../../../toolkit/onnx/session/session.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { writeTinyModel } from '../nnunet/support/tiny-model.ts';

describe('openSession', () => {
  it('runs a model on the CPU with the same bits for any number of threads', async () => {
    const path = join(await writeTinyModel(await temporaryFolder(), [16, 24]), 'fold_1.onnx');
    const input = Float32Array.from({ length: 3 * 16 * 24 }, (_, at) => (at % 255) / 255);
    const results = [];
    for (const threads of [0, 1, 2]) {
      const { session, provider, fallbacks, ortVersion } = await openSession(path, { provider: 'cpu', threads });
      expect({ provider, fallbacks }).toEqual({ provider: 'cpu', fallbacks: [] });
      expect(ortVersion).toMatch(/^\d+\.\d+\.\d+$/);
      const { softmax } = await session.run({ image: new Tensor('float32', input, [1, 3, 16, 24]) });
      results.push(softmax?.data);
      await session.release();
    }
    expect(results[0]).toHaveLength(16 * 24 * 5);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it('rejects a GPU above 0 that does not exist, also with the provider auto', async () => {
    const path = join(await writeTinyModel(await temporaryFolder(), [16, 24]), 'fold_1.onnx');
    await expect(openSession(path, { provider: 'auto', device: 63 })).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      message: expect.stringContaining('GPU 63'),
    });
  });

  it('rejects a missing file or one that is not a model, naming it', async () => {
    const folder = await temporaryFolder();
    await expect(openSession(join(folder, 'gone.onnx'))).rejects.toMatchObject({ code: 'MODEL_UNREADABLE' });
    await writeFile(join(folder, 'bad.onnx'), 'no model at all');
    const attempt = openSession(join(folder, 'bad.onnx'), { provider: 'auto' });
    await expect(attempt).rejects.toMatchObject({ code: 'MODEL_UNREADABLE' });
    await expect(attempt).rejects.toThrow('bad.onnx');
  });
});
