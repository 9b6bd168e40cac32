import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { evaluateCommand } from '../../cli/predict/evaluate.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';
import { writeTiff } from '../support/write-tiff.ts';

type Masks = Readonly<Record<string, readonly number[]>>;

/** Folders of masks of one row. */
async function masks(truth: Masks, predicted: Masks) {
  const folder = await temporaryFolder();
  const sides = { truth, predicted };
  for (const side of ['truth', 'predicted'] as const) {
    await mkdir(join(folder, side));
    for (const [name, values] of Object.entries(sides[side])) {
      const raw = { width: values.length, height: 1, channels: 1 } as const;
      await sharp(Uint8Array.from(values), { raw })
        .toColourspace('b-w')
        .png()
        .toFile(join(folder, side, name));
    }
  }
  const out = join(folder, 'scores');
  const options = {
    task: 'he',
    masks: join(folder, 'truth'),
    predictions: join(folder, 'predicted'),
    out,
    json: true,
  } as const;
  const metrics = async () => JSON.parse(await readFile(join(out, 'metrics/masks.json'), 'utf8'));
  return { folder, options, metrics };
}

const TWO = [
  { 'a.png': [0, 7, 7, 200], 'b.png': [0, 0, 0, 0] },
  { 'a.png': [0, 7, 0, 200], 'b.png': [0, 7, 0, 0], 'c.png': [1] },
] as const;

describe('evaluate --masks', () => {
  it('scores every value by Dice, over all pixels and as a mean over images', async () => {
    const { options, metrics } = await masks({ ...TWO[0] }, { ...TWO[1] });
    expect(await evaluateCommand(options)).toBe(0);
    const { labels, meanDice, perImage, images } = await metrics();
    // 7: 1 pixel in common, 2 annotated, 2 predicted; in a 2/3, in b 0.
    expect(labels[1]).toEqual({
      value: 7,
      name: 'value 7',
      dice: 0.5,
      meanOverImages: 1 / 3,
      images: 2,
      truePixels: 2,
      predictedPixels: 2,
    });
    expect(labels[2]).toMatchObject({ value: 200, dice: 1, images: 1 });
    expect([meanDice, images]).toEqual([0.75, 2]);
    expect(perImage['b.png']).toEqual({ 'value 0': 6 / 7, 'value 7': 0 });
  });

  it('scores only the named labels, and ignores annotated pixels of one value', async () => {
    const { folder, options, metrics } = await masks({ ...TWO[0] }, { ...TWO[1] });
    const labels = join(folder, 'labels.json');
    await writeFile(labels, JSON.stringify({ gland: 7, stroma: 9 }));
    expect(await evaluateCommand({ ...options, labels, ignore: 0 })).toBe(0);
    const found = await metrics();
    expect(found.labels).toMatchObject([
      { name: 'gland', dice: 2 / 3, truePixels: 2, predictedPixels: 1 },
      { name: 'stroma', dice: null, images: 0 },
    ]);
    expect(found).toMatchObject({ ignore: 0, meanDice: 2 / 3 });
  });

  it.each([
    [{ 'a.png': [1] }, { 'b.png': [1] }, {}, 'ROI_WITHOUT_PAIR'],
    [{ 'a.png': [1] }, { 'a.png': [1, 2] }, {}, 'SIZE_MISMATCH'],
    [{}, { 'a.png': [1, 2] }, {}, 'FILE_MISSING'],
    [{ 'a.png': [1] }, { 'a.png': [1] }, { ignore: 65_536 }, 'USAGE'],
    [{ 'a.png': [1] }, { 'a.png': [1] }, { data: 'x' }, 'USAGE'],
    [{ 'a.png': [1] }, { 'a.png': [1] }, { boxes: 'x' }, 'USAGE'],
  ])('refuses %j against %j with %j: %s', async (truth, predicted, more, code) => {
    const { options } = await masks(truth, predicted);
    await expect(evaluateCommand({ ...options, ...more })).rejects.toMatchObject({ code });
  });

  it('pairs TIFF masks with PNG masks of the same stem, and reads 16 bits', async () => {
    const { folder, options, metrics } = await masks({}, { 'a.png': [0, 7, 7, 200] });
    const deep = Uint16Array.of(0, 7, 300, 200);
    await writeTiff(join(folder, 'truth', 'a.tif'), {
      width: 4,
      height: 1,
      bits: 16,
      pixels: new Uint8Array(deep.buffer),
    });
    expect(await evaluateCommand(options)).toBe(0);
    const { labels } = await metrics();
    expect(labels.map(({ value, dice }: { value: number; dice: number }) => [value, dice])).toEqual([
      [0, 1],
      [7, 2 / 3],
      [200, 1],
      [300, 0],
    ]);
  });

  it('scores and ignores values above 255', async () => {
    const { folder, options, metrics } = await masks({}, {});
    const write = (side: string, ...values: number[]) =>
      writeTiff(join(folder, side, 'a.tif'), {
        width: 4,
        height: 1,
        bits: 16,
        pixels: new Uint8Array(Uint16Array.from(values).buffer),
      });
    await write('truth', 300, 300, 9, 65_535);
    await write('predicted', 300, 9, 9, 300);
    const labels = join(folder, 'labels.json');
    await writeFile(labels, JSON.stringify({ cell: 300 }));
    expect(await evaluateCommand({ ...options, labels, ignore: 65_535 })).toBe(0);
    expect((await metrics()).labels).toMatchObject([{ name: 'cell', dice: 2 / 3, truePixels: 2, predictedPixels: 1 }]);
  });

  it('does not choose between two predictions of the same stem', async () => {
    const { folder, options } = await masks({ 'a.png': [1] }, {});
    for (const name of ['a.tif', 'a.tiff']) {
      await writeTiff(join(folder, 'predicted', name), { width: 1, height: 1, pixels: Uint8Array.of(1) });
    }
    await expect(evaluateCommand(options)).rejects.toMatchObject({ code: 'ROI_WITHOUT_PAIR' });
  });

  it('does not take TIFF files next to PNG masks for masks', async () => {
    const { folder, options, metrics } = await masks({ 'a.png': [1] }, { 'a.png': [1] });
    await writeTiff(join(folder, 'truth', 'image.tif'), { width: 1, height: 1, pixels: Uint8Array.of(9) });
    expect(await evaluateCommand(options)).toBe(0);
    expect((await metrics()).images).toBe(1);
  });
});
