import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { Slide } from '../../../toolkit/slide/read/slide.ts';
import { SlideView } from '../../../toolkit/slide/read/slide-view.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';

const folder = suiteFolder();
const [WIDTH, HEIGHT] = [1300, 1040];
const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
const rgb = noise(WIDTH * HEIGHT * 3, 9);
let path = '';

beforeAll(async () => {
  path = join(folder(), 'slide.tif');
  await sharp(rgb, { raw }).tiff({ compression: 'none', tile: true, pyramid: true }).toFile(path);
});

async function viewed<Result>(mpp: number, use: (view: SlideView) => Promise<Result> | Result): Promise<Result> {
  const slide = await Slide.open(path);
  try {
    return await use(SlideView.choose(slide, { mpp }, 0.5));
  } finally {
    await slide.close();
  }
}

function part(whole: Uint8Array, width: number, left: number, top: number, w: number, h: number): Buffer {
  return Buffer.concat(
    Array.from({ length: h }, (_, y) =>
      whole.subarray(3 * ((top + y) * width + left), 3 * ((top + y) * width + left + w)),
    ),
  );
}

describe('SlideView', () => {
  it.each([
    [0.5, 0, 1],
    [0.52, 0, 1],
    [0.25, 1, 1],
    [0.1, 2, 1.25],
    [0.17, 1, 0.5 / 0.34],
    [0.0625, 3, 1],
    [0.8, 0, 0.625],
  ])('of %d µm/px takes level %i, %d times smaller', async (mpp, level, factor) => {
    await viewed(mpp, (view) => {
      expect(view.level).toBe(level);
      expect(view.factor).toBeCloseTo(factor, 10);
    });
  });

  it("has the same pixels as the image library's reduction of the whole image, for any part", async () => {
    const whole = await sharp(rgb, { raw })
      .resize({ width: WIDTH / 4, height: HEIGHT / 4, fit: 'fill', kernel: 'lanczos3' })
      .raw()
      .toBuffer();
    const single = join(folder(), 'single.tif');
    await sharp(rgb, { raw }).tiff({ compression: 'none', tile: true }).toFile(single);
    const slide = await Slide.open(single);
    const view = SlideView.choose(slide, { mpp: 0.125 }, 0.5);
    expect([view.factor, view.width, view.height]).toEqual([4, WIDTH / 4, HEIGHT / 4]);
    const read = await view.read(20, 30, 150, 120);
    expect(Buffer.compare(read, part(whole, view.width, 20, 30, 150, 120))).toBe(0);
    await slide.close();
  });

  it('gives the same pixels for a part as for the whole at any factor', async () => {
    await viewed(0.23, async (view) => {
      expect(Number.isInteger(view.factor)).toBe(false);
      const whole = await view.read(0, 0, view.width, view.height);
      await fc.assert(
        fc.asyncProperty(fc.nat(view.width - 41), fc.nat(view.height - 41), async (left, top) => {
          const fresh = SlideView.choose(view.slide, { mpp: 0.23 }, 0.5);
          expect(Buffer.compare(await fresh.read(left, top, 40, 40), part(whole, view.width, left, top, 40, 40))).toBe(
            0,
          );
        }),
        { numRuns: 8 },
      );
    });
  });

  it('keeps the brightness of a plain image at any factor, up to the border', async () => {
    const plain = join(folder(), 'plain.tif');
    await sharp({ create: { width: 300, height: 200, channels: 3, background: { r: 200, g: 120, b: 40 } } })
      .tiff({ compression: 'none', tile: true })
      .toFile(plain);
    const slide = await Slide.open(plain);
    for (const mpp of [0.23, 0.31, 0.77]) {
      const view = SlideView.choose(slide, { mpp }, 0.5);
      const read = await view.read(0, 0, view.width, view.height);
      expect(read.every((value, at) => Math.abs(value - ([200, 120, 40][at % 3] ?? 0)) <= 4)).toBe(true);
    }
    await slide.close();
  });
});
