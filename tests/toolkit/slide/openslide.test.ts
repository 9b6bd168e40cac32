import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { OpenSlideSource } from '../../../toolkit/slide/read/openslide.ts';
import { Slide } from '../../../toolkit/slide/read/slide.ts';
import { TiffSlide } from '../../../toolkit/slide/read/tiff-slide.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';

const folder = suiteFolder();
/** Where distributions and Homebrew put the library; skipped where there is none. */
const LIBRARY = [
  process.env['REIGNITE_OPENSLIDE'] ?? '',
  '/usr/lib/x86_64-linux-gnu/libopenslide.so.0',
  '/usr/lib/x86_64-linux-gnu/libopenslide.so.1',
  '/usr/lib/aarch64-linux-gnu/libopenslide.so.0',
  '/usr/lib/aarch64-linux-gnu/libopenslide.so.1',
  '/opt/homebrew/lib/libopenslide.dylib',
].find((path) => path !== '' && existsSync(path));
const before = process.env['REIGNITE_OPENSLIDE'];

afterEach(() => {
  if (before === undefined) delete process.env['REIGNITE_OPENSLIDE'];
  else process.env['REIGNITE_OPENSLIDE'] = before;
});

async function pyramid(compression: 'jpeg' | 'deflate'): Promise<string> {
  const [width, height] = [700, 500];
  const path = join(folder(), `${compression}.tif`);
  await sharp(noise(width * height * 3, 3), { raw: { width, height, channels: 3 } })
    .blur(3)
    .tiff({
      compression,
      tile: true,
      tileWidth: 128,
      tileHeight: 128,
      pyramid: true,
      xres: 4_000,
      yres: 4_000,
      resolutionUnit: 'cm',
    })
    .toFile(path);
  return path;
}

describe('OpenSlide', () => {
  it.skipIf(LIBRARY === undefined).each(['jpeg', 'deflate'] as const)(
    'reads a %s pyramid like the TIFF reader, region by region',
    async (compression) => {
      const path = await pyramid(compression);
      const [ours, theirs] = [await TiffSlide.open(path), await OpenSlideSource.open(path, LIBRARY ?? '')];
      if (theirs === undefined) throw new Error('OpenSlide does not know the slide');
      expect(theirs.levels.map(({ width, height }) => [width, height])).toEqual(
        ours.levels.map(({ width, height }) => [width, height]),
      );
      // Before version 4 it gives none for such a file.
      expect(theirs.scale.resolution?.mpp ?? 0.25).toBeCloseTo(0.25, 6);
      for (const [level, left, top, width, height] of [
        [0, 0, 0, 700, 500],
        [0, 130, 251, 77, 93],
        [0, -20, -10, 60, 50],
        [0, 650, 470, 90, 60],
        [1, 0, 0, 350, 250],
      ] as const) {
        const [a, b] = [
          await ours.readRegion(level, left, top, width, height),
          await theirs.readRegion(level, left, top, width, height),
        ];
        const most = a.reduce((largest, value, at) => Math.max(largest, Math.abs(value - (b[at] ?? 0))), 0);
        // Two versions of the JPEG library may round apart.
        expect(most, `${level} ${left} ${top}`).toBeLessThanOrEqual(compression === 'jpeg' ? 2 : 0);
      }
      await ours.close();
      await theirs.close();
    },
  );

  it.skipIf(LIBRARY === undefined)('is not used for TIFFs, nor is its error reported for them', async () => {
    process.env['REIGNITE_OPENSLIDE'] = LIBRARY;
    const slide = await Slide.open(await pyramid('deflate'));
    expect(slide.vendor).toBe('TIFF');
    await slide.close();
    await writeFile(join(folder(), 'scan.mrxs'), 'no slide');
    await expect(Slide.open(join(folder(), 'scan.mrxs'))).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringContaining('MIRAX'),
    });
  });

  it('reports that the library cannot be loaded, and how to name another', async () => {
    process.env['REIGNITE_OPENSLIDE'] = join(folder(), 'libnothing.so');
    await writeFile(join(folder(), 'scan.mrxs'), 'no slide');
    await expect(Slide.open(join(folder(), 'scan.mrxs'))).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringContaining('libnothing.so cannot be loaded'),
      remedy: expect.stringContaining('--openslide'),
    });
  });

  it('is suggested as a remedy if it would help', async () => {
    delete process.env['REIGNITE_OPENSLIDE'];
    await writeFile(join(folder(), 'scan.mrxs'), 'no slide');
    await expect(Slide.open(join(folder(), 'scan.mrxs'))).rejects.toMatchObject({
      remedy: expect.stringContaining('--openslide'),
    });
  });
});
