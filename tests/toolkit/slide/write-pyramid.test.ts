import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Rows } from '../../../toolkit/slide/infer/slide-rows.ts';
import { Slide } from '../../../toolkit/slide/read/slide.ts';
import { writePyramid } from '../../../toolkit/slide/write-pyramid.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';
import { labelsOfTiff } from '../../support/read-labels.ts';

const folder = suiteFolder();

async function* rowsOf(data: Uint8Array, width: number, atOnce: number): AsyncGenerator<Rows> {
  for (let at = 0; at < data.length; at += atOnce * width) {
    const some = data.subarray(at, at + atOnce * width);
    yield { count: some.length / width, data: some };
  }
}

describe('writePyramid', () => {
  it.each([
    [1, 1, 1],
    [513, 512, 100],
    [1025, 700, 7],
    [2500, 1301, 512],
  ])('stores %i x %i px and every second of them in each smaller level', async (width, height, atOnce) => {
    const path = join(folder(), `${width}.tif`);
    const data = noise(width * height, width);
    await writePyramid(path, rowsOf(data, width, atOnce), { width, height, mpp: 0.5, description: 'noise' });
    const base = await labelsOfTiff(path);
    expect(Buffer.compare(base.data, data)).toBe(0);
    let before = base;
    for (let page = 1; page < base.pages; page++) {
      const level = await labelsOfTiff(path, page);
      expect([level.width, level.height]).toEqual([Math.ceil(before.width / 2), Math.ceil(before.height / 2)]);
      const { width: across } = before;
      const halves = level.data.map(
        (_, at) => before.data[2 * Math.floor(at / level.width) * across + 2 * (at % level.width)] ?? 0,
      );
      expect(Buffer.compare(level.data, halves)).toBe(0);
      before = level;
    }
    expect(Math.max(before.width, before.height)).toBeLessThanOrEqual(1024);
  });

  it('is read as a slide with its levels, pixel size and colours, also by the image library', async () => {
    const path = join(folder(), 'coloured.tif');
    const [width, height] = [3000, 1100];
    const data = noise(width * height, 3).map((value) => value % 3);
    const palette = [
      [0, 0, 0],
      [250, 10, 20],
      [30, 200, 40],
    ] as const;
    await writePyramid(path, rowsOf(data, width, 256), { width, height, mpp: 0.4, palette, description: 'three' });
    const slide = await Slide.open(path);
    expect(slide.levels.map((level) => [level.width, level.height])).toEqual([
      [3000, 1100],
      [1500, 550],
      [750, 275],
    ]);
    expect(slide.scale.resolution?.mpp).toBeCloseTo(0.4, 4);
    const region = await slide.readRegion(0, 2900, 1000, 100, 100);
    expect([...region.subarray(0, 3)]).toEqual(palette[data[1000 * width + 2900] ?? 0]);
    const other = await sharp(path)
      .extract({ left: 2900, top: 1000, width: 100, height: 100 })
      .removeAlpha()
      .raw()
      .toBuffer();
    expect(Buffer.compare(other, region)).toBe(0);
    await slide.close();
  });

  it('rejects rows that do not match the height of the image', async () => {
    const path = join(folder(), 'short.tif');
    const options = { width: 10, height: 20, description: '' };
    await expect(writePyramid(path, rowsOf(new Uint8Array(190), 10, 5), options)).rejects.toThrow(
      'Expected 20 rows, got 19',
    );
  });
});
