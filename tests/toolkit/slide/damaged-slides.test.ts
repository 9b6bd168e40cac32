import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { Slide } from '../../../toolkit/slide/read/slide.ts';
import { isSlide } from '../../../toolkit/slide/read/slide-formats.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';

const folder = suiteFolder();
const sources: Buffer[] = [];

beforeAll(async () => {
  const raw = { width: 120, height: 90, channels: 3 } as const;
  for (const compression of ['jpeg', 'lzw', 'deflate', 'packbits'] as const) {
    for (const bigtiff of [false, true]) {
      const options = { compression, bigtiff, tile: true, tileWidth: 32, tileHeight: 32, pyramid: true };
      sources.push(
        await sharp(noise(120 * 90 * 3, 3), { raw })
          .tiff(options)
          .toBuffer(),
      );
    }
  }
});

/** Reads everything that a slide says it has. */
async function readAll(path: string): Promise<void> {
  const slide = await Slide.open(path);
  try {
    for (const level of slide.levels.keys()) await slide.readRegion(level, 0, 0, 128, 128);
  } finally {
    await slide.close();
  }
}

describe('a damaged slide', () => {
  it('is read or rejected with a code and a remedy, whatever bytes are wrong or missing', async () => {
    const path = join(folder(), 'damaged.tif');
    await fc.assert(
      fc.asyncProperty(
        fc.nat(7),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { maxLength: 12 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.boolean(),
        async (index, changes, length, isCut) => {
          const source = Buffer.from(sources[index] ?? []);
          for (const [place, value] of changes) source[Math.floor(place * (source.length - 1))] = value;
          await writeFile(path, isCut ? source.subarray(0, Math.floor(length * source.length)) : source);
          await expect(isSlide(path)).resolves.toBeTypeOf('boolean');
          const error = await readAll(path).catch((caught: unknown) => caught);
          if (error !== undefined) expect(error).toBeInstanceOf(ReigniteError);
        },
      ),
      { numRuns: 250 },
    );
  });

  it('is read or rejected also if the directories are wrong', async () => {
    const path = join(folder(), 'directories.tif');
    await fc.assert(
      fc.asyncProperty(fc.nat(7), fc.nat(5000), fc.nat(255), async (index, back, value) => {
        const source = Buffer.from(sources[index] ?? []);
        // The library writes the directories at the end.
        source[Math.max(0, source.length - 1 - (back % source.length))] = value;
        await writeFile(path, source);
        const error = await readAll(path).catch((caught: unknown) => caught);
        if (error !== undefined) expect(error).toBeInstanceOf(ReigniteError);
      }),
      { numRuns: 400 },
    );
  });
});
