import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { f1Matrix, f1MatrixData } from '../../../toolkit/figures/f1-matrix.ts';
import { readF1Figure } from '../../../toolkit/figures/read-f1-figure.ts';
import { renderVegaLite } from '../../../toolkit/figures/render-vega-lite.ts';
import { writeFileAtomic } from '../../../toolkit/files/atomic-write.ts';
import { decodeRgb, type RgbImage } from '../../../toolkit/image/decode-pixels.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const published = (name: string) =>
  decodeRgb(fileURLToPath(new URL(`../../fixtures/figures/f1/f1_scores_${name}.png`, import.meta.url)));

/** Values by row, as they are printed: the lower triangle. */
function rows(read: ReturnType<typeof readF1Figure>): number[][] {
  if (read.kind === 'refused') throw new Error(read.reason);
  const count = Math.max(...read.cells.map(({ prediction }) => prediction));
  return Array.from({ length: count }, (_, row) =>
    read.cells.filter(({ prediction }) => prediction === row + 1).map(({ f1 }) => f1),
  );
}

describe('reading a published F1 matrix', () => {
  it.each([
    ['RUMC', 4, 'Blues', [[0.53], [0.69, 0.46], [0.69, 0.54, 0.56]]],
    ['SCDC', 4, 'Reds', [[0.57], [0.71, 0.4], [0.72, 0.54, 0.51]]],
    ['nuclei', 5, 'Blues', [[0.75], [0.74, 0.66], [0.81, 0.83, 0.7], [0.85, 0.78, 0.72, 0.81]]],
  ] as const)('gives every number of %s as matplotlib printed it', async (name, readers, scale, expected) => {
    expect(rows(readF1Figure(await published(name), readers, scale))).toEqual(expected);
  });

  it('returns all numbers from 0.00 to 1.00 of our own figure', async () => {
    const readers = Array.from({ length: 15 }, (_, index) => `reader P${index}`);
    const macro = readers.map((_, i) => readers.map((__, j) => (j > i ? ((i * 31 + j * 7) % 101) / 100 : null)));
    const data = f1MatrixData('F1', 'Reds', { readers, f1: { macro }, confusion: {} });
    const path = `${await temporaryFolder()}/f1.png`;
    await writeFileAtomic(path, (await renderVegaLite(f1Matrix(data))).png);
    const read = readF1Figure(await decodeRgb(path), readers.length, 'Reds');
    if (read.kind === 'refused') throw new Error(read.reason);
    for (const { truth, prediction, f1 } of read.cells) expect(f1).toBe(macro[truth]?.[prediction]);
    expect(read.cells).toHaveLength(105);
  });

  it('is rejected if a colour contradicts its number', async () => {
    const read = readF1Figure(await published('RUMC'), 4, 'Reds');
    expect(read).toEqual({ kind: 'refused', reason: expect.stringContaining('the colour of the cell does not fit') });
  });

  it('is rejected for another number of readers', async () => {
    expect(readF1Figure(await published('RUMC'), 5, 'Blues').kind).toBe('refused');
    expect(readF1Figure(await published('nuclei'), 4, 'Blues').kind).toBe('refused');
  });

  it('is rejected if a number is missing or unreadable', async () => {
    const image = await published('RUMC');
    expect(readF1Figure(withBox(image, [60, 140, 80, 60]), 4, 'Blues').kind).toBe('refused');
    expect(readF1Figure(withBox(image, [95, 160, 12, 40]), 4, 'Blues').kind).toBe('refused');
  });
});

/** Paints a box of an image in the colour of its first pixel. */
function withBox(image: RgbImage, [left, top, width, height]: readonly [number, number, number, number]): RgbImage {
  const data = Uint8Array.from(image.data);
  const start = (top * image.width + left) * 3;
  const colour = image.data.subarray(start, start + 3);
  for (let y = top; y < top + height; y++) {
    for (let x = left; x < left + width; x++) data.set(colour, (y * image.width + x) * 3);
  }
  return { ...image, data };
}
