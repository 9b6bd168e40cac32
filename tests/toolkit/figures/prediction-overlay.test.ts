import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { drawCellsOverlay, drawTissueOverlay } from '../../../toolkit/figures/prediction-overlay.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';

const folder = suiteFolder();
const CAUTIONS = ['Do not trust these numbers: a reason that is long enough to take more than a single line.'];
const RED = { name: 'a', color: [255, 0, 0] } as const;

async function read(name: string) {
  const { data, info } = await sharp(join(folder(), name)).raw().toBuffer({ resolveWithObject: true });
  return { data, ...info };
}

/** The upper left part of a picture, row by row. */
function part({ data, width: stride, channels }: Awaited<ReturnType<typeof read>>, width: number, height: number) {
  const rows = Array.from({ length: height }, (_, row) =>
    data.subarray(row * stride * channels, (row * stride + width) * channels),
  );
  return Buffer.concat(rows);
}

describe('overlays', () => {
  it.each([
    [1, 1],
    [75, 48],
    [700, 30],
  ])('of %i x %i px are the image pixel by pixel, with the legend below', async (width, height) => {
    const image = { width, height, data: noise(width * height * 3, 2) };
    const legend = { entries: [{ color: RED.color, text: 'a 12.0 %' }], cautions: CAUTIONS };
    const mask = { width, height, data: new Uint8Array(width * height) };
    await drawTissueOverlay(image, mask, new Map([[1, RED]]), legend, join(folder(), 'tissue.png'));
    await drawCellsOverlay(image, [], [RED], legend, join(folder(), 'cells.png'));
    for (const name of ['tissue.png', 'cells.png']) {
      const picture = await read(name);
      expect([picture.width, picture.channels]).toEqual([Math.max(420, width), 3]);
      expect(picture.height).toBeGreaterThanOrEqual(height + 50);
      expect(part(picture, width, height)).toEqual(Buffer.from(image.data));
      const below = picture.data.subarray(picture.width * height * 3);
      const isRed = (at: number) => below[at] === 255 && below[at + 1] === 0 && below[at + 2] === 0;
      expect(Array.from({ length: below.length / 3 }, (_, pixel) => isRed(3 * pixel)).filter(Boolean).length).toBe(100);
    }
  });

  it('mixes the colour of a class half and half', async () => {
    const image = { width: 2, height: 1, data: Uint8Array.from([100, 100, 100, 100, 100, 100]) };
    const mask = { width: 2, height: 1, data: Uint8Array.from([0, 1]) };
    await drawTissueOverlay(
      image,
      mask,
      new Map([[1, RED]]),
      { entries: [], cautions: [] },
      join(folder(), 'mixed.png'),
    );
    expect([...part(await read('mixed.png'), 2, 1)]).toEqual([100, 100, 100, 177, 50, 50]);
  });

  it('has room for eighty classes with long names', async () => {
    const image = { width: 64, height: 64, data: noise(64 * 64 * 3, 2) };
    const entries = Array.from({ length: 80 }, () => ({ color: RED.color, text: 'a name '.repeat(40) }));
    await drawCellsOverlay(image, [], [RED], { entries, cautions: [] }, join(folder(), 'many.png'));
    expect((await read('many.png')).height).toBeLessThan(64 + 40 * 20);
  });
});
