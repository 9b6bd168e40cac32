import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readNpy } from '../../../toolkit/numpy/npy.ts';
import { detectSlide } from '../../../toolkit/slide/predict/detect-slide.ts';
import type { TissueMask } from '../../../toolkit/slide/tissue/tissue-mask.ts';
import type { DetectorModel } from '../../../toolkit/yolo/detect/detect-image.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const SIZE = 128;
const RADIUS = 7;
const ROWS = 400;
type Dot = readonly [x: number, y: number];

/** A detector that finds the dark pixels of a tile, a box around each, cut at the border of the tile, where it is less sure. */
function dotDetector(): DetectorModel & { readonly runs: () => number } {
  let runs = 0;
  return {
    digest: 'dots',
    size: SIZE,
    rows: ROWS,
    classes: ['dot'],
    runs: () => runs,
    async run(input, head) {
      runs++;
      head.fill(0);
      let row = 0;
      for (let at = 0; at < SIZE * SIZE; at++) {
        if ((input[at] ?? 1) > 0.5 || row === ROWS) continue;
        const [x, y] = [at % SIZE, Math.floor(at / SIZE)];
        const [x1, y1] = [Math.max(0, x - RADIUS), Math.max(0, y - RADIUS)];
        const [x2, y2] = [Math.min(SIZE, x + 1 + RADIUS), Math.min(SIZE, y + 1 + RADIUS)];
        const score = 0.6 + (0.39 * Math.min(x, y, SIZE - x, SIZE - y)) / SIZE;
        head.set([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, score, 1], 6 * row++);
      }
    },
  };
}

async function slideOf(folder: string, dots: readonly Dot[], width: number, height: number): Promise<string> {
  const path = join(folder, 'dots.tif');
  const rgb = new Uint8Array(width * height * 3).fill(240);
  for (const [x, y] of dots) rgb.fill(10, 3 * (y * width + x), 3 * (y * width + x) + 3);
  await sharp(rgb, { raw: { width, height, channels: 3 } })
    .tiff({ compression: 'deflate', tile: true, tileWidth: 64, tileHeight: 64 })
    .toFile(path);
  return path;
}

function jobOf(folder: string, slide: string) {
  return {
    slide,
    choice: { level: 0 },
    target: 0.5,
    confidence: 0.5,
    iou: 0.5,
    partialDir: join(folder, 'partial'),
    cells: join(folder, 'cells.npy'),
  };
}

/** Centres of the cells in a file, as whole pixels. */
async function centresOf(path: string): Promise<Dot[]> {
  const { data } = await readNpy(path);
  const centres: Dot[] = [];
  for (let at = 0; at < data.length; at += 6) {
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = Array.from(data.slice(at, at + 4), Number);
    centres.push([Math.floor((x1 + x2) / 2), Math.floor((y1 + y2) / 2)]);
  }
  return centres;
}

const sorted = (dots: readonly Dot[]) => [...dots].map(([x, y]) => `${x},${y}`).sort();

describe('detectSlide', () => {
  it('finds every cell once, wherever the seams are', async () => {
    const [width, height] = [500, 330];
    const place = fc.tuple(
      fc.integer({ min: RADIUS, max: width - RADIUS - 1 }),
      fc.integer({ min: RADIUS, max: height - RADIUS - 1 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(place, { minLength: 1, maxLength: 120 }), async (places) => {
        const dots: Dot[] = [];
        for (const [x, y] of places) {
          if (dots.every(([a, b]) => Math.max(Math.abs(a - x), Math.abs(b - y)) > RADIUS)) dots.push([x, y]);
        }
        const folder = await temporaryFolder();
        const job = jobOf(folder, await slideOf(folder, dots, width, height));
        const result = await detectSlide(job, dotDetector(), {});
        expect(sorted(await centresOf(job.cells))).toEqual(sorted(dots));
        expect(result).toMatchObject({ width, height, cells: dots.length, outside: 0 });
        expect(existsSync(job.partialDir)).toBe(false);
      }),
      { numRuns: 15 },
    );
  });

  it('finds a cell at every place along a seam', async () => {
    const folder = await temporaryFolder();
    const dots: Dot[] = [];
    for (let at = 0; at < 20; at++) dots.push([70 + 3 * at, 20 + 15 * at]);
    const job = jobOf(folder, await slideOf(folder, dots, 300, 330));
    await detectSlide(job, dotDetector(), {});
    expect(sorted(await centresOf(job.cells))).toEqual(sorted(dots));
  });

  it('runs only on tiles with tissue, and keeps only cells in it', async () => {
    const folder = await temporaryFolder();
    const [width, height] = [500, 330];
    const dots: Dot[] = [
      [30, 30],
      [90, 30],
      [400, 250],
    ];
    const tissue: TissueMask = { block: 20, width: 25, height: 17, data: new Uint8Array(25 * 17) };
    for (const block of [0, 1, 25, 26]) tissue.data[block] = 1;
    const job = { ...jobOf(folder, await slideOf(folder, dots, width, height)), tissue };
    const model = dotDetector();
    const result = await detectSlide(job, model, {});
    expect(await centresOf(job.cells)).toEqual([[30, 30]]);
    expect(model.runs()).toBe(1);
    expect(result.outside).toBe(1);
  });

  it('resumes behind the tiles that are done, with the same bytes', async () => {
    const folder = await temporaryFolder();
    const dots = Array.from({ length: 60 }, (_, at): Dot => [15 + ((at * 37) % 460), 15 + 5 * at]);
    const slide = await slideOf(folder, dots, 500, 330);
    const whole = { ...jobOf(folder, slide), cells: join(folder, 'whole.npy') };
    const { tiles } = await detectSlide(whole, dotDetector(), {});
    for (const stopAt of [1, 4, tiles - 1]) {
      const job = jobOf(folder, slide);
      let asked = 0;
      const signal = {
        throwIfAborted() {
          if (asked++ > stopAt) throw new Error('killed');
        },
      };
      await expect(detectSlide(job, dotDetector(), {}, { signal })).rejects.toThrow('killed');
      const model = dotDetector();
      const result = await detectSlide(job, model, {});
      expect(result.resumed).toBe(stopAt);
      expect(model.runs()).toBe(tiles - stopAt);
      expect((await readNpy(job.cells)).data).toEqual((await readNpy(whole.cells)).data);
    }
  });

  it('writes an empty list where there is nothing', async () => {
    const folder = await temporaryFolder();
    const job = jobOf(folder, await slideOf(folder, [], 100, 90));
    expect(await detectSlide(job, dotDetector(), {})).toMatchObject({ cells: 0, tiles: 1 });
    expect((await readNpy(job.cells)).shape).toEqual([0, 6]);
  });
});
