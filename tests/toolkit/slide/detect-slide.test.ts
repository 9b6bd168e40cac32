import { existsSync } from 'node:fs';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { concatenateFiles } from '../../../toolkit/files/atomic-write.ts';
import { detectSlide, selectSlideCells } from '../../../toolkit/slide/infer/detect-slide.ts';
import type { TissueMask } from '../../../toolkit/slide/slide-tissue.ts';
import type { SlideCellsJob } from '../../../toolkit/yolo/detect/cell-detector.ts';
import type { DetectorModel } from '../../../toolkit/yolo/detect/detect-tiles.ts';
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
    floor: 0.05,
    partialDir: join(folder, 'partial'),
    boxes: join(folder, 'boxes.bin'),
  };
}

type Job = ReturnType<typeof jobOf> & Pick<SlideCellsJob, 'tissue' | 'rows'>;

/** Finds candidates, then chooses the cells. */
async function detect(
  job: Job,
  model: DetectorModel,
  options: Parameters<typeof detectSlide>[3] = {},
  confidence = 0.5,
) {
  const seen = await detectSlide(job, model, {}, options);
  return { ...seen, ...(await judged(job, seen, confidence)) };
}

function judged(job: Job, { width, height }: { readonly width: number; readonly height: number }, confidence = 0.5) {
  const { boxes, tissue } = job;
  return selectSlideCells({ boxes, width, height, size: SIZE, confidence, iou: 0.5, ...(tissue && { tissue }) });
}

/** Centres of cells, as whole pixels. */
function centresOf(data: Float32Array): Dot[] {
  const centres: Dot[] = [];
  for (let at = 0; at < data.length; at += 6) {
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = data.subarray(at, at + 4);
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
        const result = await detect(job, dotDetector());
        expect(sorted(centresOf(result.cells))).toEqual(sorted(dots));
        expect(result).toMatchObject({ width, height, outside: 0 });
        expect(existsSync(job.partialDir)).toBe(false);
      }),
      { numRuns: 15 },
    );
  });

  it('finds the same cells in batches of four tiles, and estimates the time after two batches', async () => {
    const folder = await temporaryFolder();
    const dots: Dot[] = Array.from({ length: 12 }, (_, k) => [20 + 37 * k, 15 + 26 * k]);
    const slide = await slideOf(folder, dots, 500, 330);
    const one = dotDetector();
    const [tile, head] = [3 * SIZE * SIZE, 6 * ROWS];
    const runs: number[] = [];
    const four: DetectorModel = {
      ...one,
      batch: 4,
      async run(input, heads) {
        runs.push(input.length / tile);
        for (let at = 0; at < input.length / tile; at++) {
          await one.run(input.subarray(at * tile, (at + 1) * tile), heads.subarray(at * head, (at + 1) * head));
        }
      },
    };
    const estimates: number[] = [];
    const single = await detect(jobOf(folder, slide), dotDetector());
    const batched = await detect(jobOf(folder, slide), four, {
      onProgress: ({ expectedSeconds, tile: finished }) => expectedSeconds !== undefined && estimates.push(finished),
    });
    expect(batched).toEqual(single);
    expect(batched.tiles).toBeGreaterThan(12);
    expect(runs.slice(0, 3)).toEqual([4, 4, 4]);
    expect(estimates).toEqual([8]);
  });

  it('finds a cell at every position along a seam', async () => {
    const folder = await temporaryFolder();
    const dots: Dot[] = [];
    for (let at = 0; at < 20; at++) dots.push([70 + 3 * at, 20 + 15 * at]);
    const job = jobOf(folder, await slideOf(folder, dots, 300, 330));
    const { cells } = await detect(job, dotDetector());
    expect(sorted(centresOf(cells))).toEqual(sorted(dots));
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
    const result = await detect(job, model);
    expect(centresOf(result.cells)).toEqual([[30, 30]]);
    expect(model.runs()).toBe(1);
    expect(result.outside).toBe(1);
  });

  it('resumes after the finished tiles, with the same bytes', async () => {
    const folder = await temporaryFolder();
    const dots = Array.from({ length: 60 }, (_, at): Dot => [15 + ((at * 37) % 460), 15 + 5 * at]);
    const slide = await slideOf(folder, dots, 500, 330);
    const whole = await detect(jobOf(folder, slide), dotDetector());
    const { tiles } = whole;
    for (const stopAt of [1, 4, tiles - 1]) {
      const job = jobOf(folder, slide);
      let asked = 0;
      const signal = {
        throwIfAborted() {
          if (asked++ > stopAt) throw new Error('killed');
        },
      };
      await expect(detect(job, dotDetector(), { signal })).rejects.toThrow('killed');
      const model = dotDetector();
      const result = await detect(job, model);
      expect(result.resumed).toBe(stopAt);
      expect(model.runs()).toBe(tiles - stopAt);
      expect(result.cells).toEqual(whole.cells);
    }
  });

  it('writes an empty list if there are no cells', async () => {
    const folder = await temporaryFolder();
    const job = jobOf(folder, await slideOf(folder, [], 100, 90));
    const result = await detect(job, dotDetector());
    expect(result.tiles).toBe(1);
    expect(result.cells).toHaveLength(0);
  });

  it('selects the cells for another confidence without the network, with the bits of a run at it', async () => {
    const folder = await temporaryFolder();
    const dots = Array.from({ length: 60 }, (_, at): Dot => [15 + ((at * 37) % 460), 15 + 5 * at]);
    const slide = await slideOf(folder, dots, 500, 330);
    const job = jobOf(folder, slide);
    const seen = await detect(job, dotDetector());
    for (const confidence of [0.3, 0.65, 0.7]) {
      const again = await judged(job, seen, confidence);
      const anew = await detect(
        { ...job, boxes: join(folder, 'anew.bin'), floor: confidence },
        dotDetector(),
        {},
        confidence,
      );
      expect(again.cells).toEqual(anew.cells);
    }
    const { cells } = await judged(job, seen, 0.7);
    expect(cells.length).toBeGreaterThan(0);
    expect(cells.length).toBeLessThan(seen.cells.length);
  });

  it('stops selecting cells at the next tile when aborted', async () => {
    const folder = await temporaryFolder();
    const job = jobOf(folder, await slideOf(folder, [[30, 30]], 500, 330));
    const { width, height, tiles } = await detect(job, dotDetector());
    const judge = { boxes: job.boxes, width, height, size: SIZE, confidence: 0.5, iou: 0.5 };
    let asked = 0;
    const signal = {
      throwIfAborted() {
        if (++asked === 3) throw new Error('stopped');
      },
    };
    expect(tiles).toBeGreaterThan(3);
    await expect(selectSlideCells(judge, { signal })).rejects.toThrow('stopped');
  });

  it('finds the same cells in strips as at once', async () => {
    const folder = await temporaryFolder();
    const dots = Array.from({ length: 60 }, (_, at): Dot => [15 + ((at * 37) % 460), 15 + 5 * at]);
    const job = jobOf(folder, await slideOf(folder, dots, 500, 330));
    const whole = await detect(job, dotDetector());
    const strips = [0, 1, 3].map((first, index, all) => ({ first, end: all[index + 1] ?? 99 }));
    const parts: string[] = [];
    for (const [index, rows] of strips.entries()) {
      const strip = { ...job, rows, boxes: join(folder, `strip-${index}.bin`) };
      expect((await detectSlide(strip, dotDetector(), {})).tiles).toBeGreaterThan(0);
      parts.push(strip.boxes);
    }
    const joined = { ...job, boxes: join(folder, 'joined.bin') };
    await concatenateFiles(joined.boxes, parts);
    expect(await judged(joined, whole)).toEqual({ cells: whole.cells, outside: 0 });
    await truncate(joined.boxes, 1_000);
    await expect(judged(joined, whole)).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});
