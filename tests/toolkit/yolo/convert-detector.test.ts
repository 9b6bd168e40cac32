import { spawnSync } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { openSession } from '../../../toolkit/onnx/session/session.ts';
import { convertDetector, detectorDigest } from '../../../toolkit/yolo/convert/convert-detector.ts';
import { readDetectorCard } from '../../../toolkit/yolo/detector-card.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { fixture, floatsOf, SIZE, tileInput } from './support/fixtures.ts';

async function headOf(name: string): Promise<Float32Array> {
  const out = await temporaryFolder();
  const card = await convertDetector({ checkpoint: fixture(`${name}.pt`), out, size: SIZE });
  const { session } = await openSession(join(out, card.file), { provider: 'cpu', threads: 1 });
  const images = new Tensor('float32', await tileInput(), [1, 3, SIZE, SIZE]);
  const { detections } = await session.run({ images });
  await session.release();
  if (detections?.data instanceof Float32Array) return detections.data;
  throw new TypeError('No detections');
}

describe('convertDetector', () => {
  it.each([
    ['v7', 2],
    ['v5', 1],
    ['v3', 3],
  ])('gives the raw head that PyTorch gives for a network as of release %s', async (name, classes) => {
    const expected = await floatsOf(`${name}-head.npy`);
    const head = await headOf(name);
    expect(head).toHaveLength(expected.length);
    const worst = { pixels: 0, score: 0 };
    for (const [index, value] of head.entries()) {
      const kind = index % (5 + classes) < 4 ? 'pixels' : 'score';
      worst[kind] = Math.max(worst[kind], Math.abs(value - (expected[index] ?? Number.NaN)));
    }
    expect(worst.pixels).toBeLessThan(1e-2);
    expect(worst.score).toBeLessThan(1e-5);
  });

  it('describes the detector in its model JSON', async () => {
    const out = await temporaryFolder();
    const card = await convertDetector({ checkpoint: fixture('v7.pt'), out, size: SIZE });
    expect(card).toMatchObject({ weights: 'model', size: SIZE, nc: 2, classes: ['round', 'long'], stride: [8, 16] });
    expect(card.rows).toBe(3 * (8 * 8 + 4 * 4));
    expect(card.digest).toBe(await detectorDigest(fixture('v7.pt'), SIZE));
    expect(await readDetectorCard(out)).toEqual(card);
    const { size } = await stat(join(out, card.file));
    expect(size).toBe(card.bytes);
  });

  it('uses or lists every tensor', async () => {
    const { unused } = await convertDetector({
      checkpoint: fixture('v5.pt'),
      out: await temporaryFolder(),
      size: SIZE,
    });
    const named = unused.filter((name) => !name.endsWith('.num_batches_tracked'));
    expect(named).toEqual(['stride', 'class_weights', 'model.14.anchor_grid', 'model.14.grid[0]', 'model.14.grid[1]']);
  });

  it('prefers the moving average, and reads names from a list', async () => {
    const card = await convertDetector({ checkpoint: fixture('v5.pt'), out: await temporaryFolder(), size: SIZE });
    expect(card).toMatchObject({ weights: 'ema', classes: ['cell'] });
  });

  it('writes the same bytes for the same checkpoint, and keeps a complete conversion', async () => {
    const [one, other] = [await temporaryFolder(), await temporaryFolder()];
    const card = await convertDetector({ checkpoint: fixture('v3.pt'), out: one, size: SIZE });
    expect(await convertDetector({ checkpoint: fixture('v3.pt'), out: other, size: SIZE })).toEqual(card);
    const before = await stat(join(one, card.file));
    expect(await convertDetector({ checkpoint: fixture('v3.pt'), out: one, size: SIZE })).toEqual(card);
    expect((await stat(join(one, card.file))).mtimeMs).toBe(before.mtimeMs);
  });

  it('repeats a damaged conversion, and makes another one for another size', async () => {
    const out = await temporaryFolder();
    const card = await convertDetector({ checkpoint: fixture('v7.pt'), out, size: SIZE });
    await writeFile(join(out, card.file), 'damaged');
    expect(await convertDetector({ checkpoint: fixture('v7.pt'), out, size: SIZE })).toEqual(card);
    expect((await readFile(join(out, card.file))).length).toBe(card.bytes);
    const larger = await convertDetector({ checkpoint: fixture('v7.pt'), out, size: 2 * SIZE });
    expect(larger.digest).not.toBe(card.digest);
    expect(larger.rows).toBe(4 * card.rows);
  });

  it('removes only what a killed conversion left', async () => {
    const out = await temporaryFolder();
    const ended = spawnSync(process.execPath, ['--version']).pid;
    const names = [`.detector.onnx.${ended}.0123abcd.tmp`, `.detector.onnx.${process.pid}.0123abcd.tmp`, '.other.tmp'];
    for (const name of names) await writeFile(join(out, name), '');
    const card = await convertDetector({ checkpoint: fixture('v7.pt'), out, size: SIZE });
    expect((await readdir(out)).sort()).toEqual([...names.slice(1), 'detector.json', card.file].sort());
  });

  it('rejects a size that is not a multiple of the strides', async () => {
    const out = await temporaryFolder();
    await expect(convertDetector({ checkpoint: fixture('v7.pt'), out, size: 72 })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('multiples of 16'),
    });
    await expect(readDetectorCard(out)).rejects.toMatchObject({ code: 'MODEL_UNREADABLE' });
  });

  it('names class and position of an unknown module, and what to do', async () => {
    const folder = await temporaryFolder();
    const checkpoint = join(folder, 'unknown.pt');
    const bytes = (await readFile(fixture('v5.pt'))).toString('latin1');
    await writeFile(
      checkpoint,
      Buffer.from(bytes.replaceAll('cmodels.common\nSPP\n', 'cmodels.common\nSPX\n'), 'latin1'),
    );
    await expect(convertDetector({ checkpoint, out: join(folder, 'out'), size: SIZE })).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringMatching(/unknown\.pt: the module model\.6 \(models\.common\.SPX\)/),
      remedy: expect.stringContaining('ONNX'),
    });
  });

  it('stops when aborted, without a model JSON', async () => {
    const out = await temporaryFolder();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(convertDetector({ checkpoint: fixture('v7.pt'), out, size: SIZE, signal })).rejects.toThrow('enough');
    await expect(readDetectorCard(out)).rejects.toMatchObject({ code: 'MODEL_UNREADABLE' });
  });
});
