import { existsSync } from 'node:fs';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import { decodeLabels } from '../../../toolkit/image/decode-labels.ts';
import { type ModelMethod, RGB_SOFTMAX } from '../../../toolkit/nnunet/model-card.ts';
import type { PieceFile } from '../../../toolkit/nnunet/sliding-window/partial-files.ts';
import { PartialRoi } from '../../../toolkit/nnunet/sliding-window/partial-roi.ts';
import type { SlideProgress } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { segmentRoi } from '../../../toolkit/nnunet/sliding-window/segment-roi.ts';
import { tileGrid } from '../../../toolkit/nnunet/sliding-window/tile-grid.ts';
import { stripsOf } from '../../../toolkit/predict/infer-once.ts';
import { segmentSlide } from '../../../toolkit/slide/infer/segment-slide.ts';
import { readRows } from '../../../toolkit/slide/infer/slide-rows.ts';
import { slideTiles } from '../../../toolkit/slide/infer/tiled-slide.ts';
import { isTissue, type TissueMask } from '../../../toolkit/slide/slide-tissue.ts';
import { noise } from '../../support/random-numbers.ts';
import { fakeNetworks } from '../nnunet/support/fake-networks.ts';
import { jobIn, useScratch, writeRgb } from '../nnunet/support/scratch.ts';

/** Reads all rows of an image from row files. */
async function allRows(paths: readonly string[], width: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { data } of readRows(paths, width)) parts.push(data);
  return Buffer.concat(parts);
}

const scratch = useScratch();
const IDENTITY = { model: 'fake' };
const NOT_COMPUTED = 255;

interface Made {
  readonly slide: string;
  readonly png: string;
  readonly width: number;
  readonly height: number;
}

/** The same pixels as a tiled TIFF and as a PNG. */
async function made(
  width: number,
  height: number,
  rgb = noise(width * height * 3, width * 31 + height),
): Promise<Made> {
  const slide = scratch.path(`slide-${width}x${height}.tif`);
  await sharp(rgb, { raw: { width, height, channels: 3 } })
    .tiff({ compression: 'deflate', tile: true, tileWidth: 16, tileHeight: 32 })
    .toFile(slide);
  return {
    slide,
    png: await writeRgb(scratch.path(`image-${width}x${height}.png`), width, height, rgb),
    width,
    height,
  };
}

function slideJob(name: string, slide: string) {
  return {
    slide,
    choice: { level: 0 },
    target: 0.5,
    partialDir: scratch.path(`${name}.partial`),
    labels: scratch.path(`${name}.labels`),
    confidence: scratch.path(`${name}.confidence`),
  };
}

async function ofImage({ png }: Made, networks: ReturnType<typeof fakeNetworks>) {
  const job = jobIn(scratch, 'image', png);
  await segmentRoi(job, networks, IDENTITY);
  const { data } = await sharp(job.confidence)
    .toColourspace('grey16')
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true });
  const confidences = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
  return {
    labels: (await decodeLabels(job.mask)).data,
    confidence: Buffer.from(Uint8Array.from(confidences, (m) => Math.round(m / 257))),
  };
}

async function ofSlide(job: ReturnType<typeof slideJob>, width: number) {
  return { labels: await allRows([job.labels], width), confidence: await allRows([job.confidence], width) };
}

function abortAfter(asked: number): Pick<AbortSignal, 'throwIfAborted'> {
  let left = asked;
  return {
    throwIfAborted() {
      if (left-- <= 0) throw new Error('killed');
    },
  };
}

describe('segmentSlide', () => {
  it.each([
    [16, 16, 16, 16, 'one tile'],
    [7, 9, 16, 16, 'smaller than a tile'],
    [11, 40, 16, 16, 'narrow'],
    [16, 17, 16, 16, 'one row more'],
    [53, 35, 16, 16, 'steps that round'],
    [97, 61, 20, 12, 'tiles that are not square'],
    [64, 64, 15, 17, 'odd tiles'],
  ])(
    'gives the bits of the same pixels in one image: %i x %i px, tiles of %i x %i (%s)',
    async (width, height, w, h) => {
      const networks = fakeNetworks({ height: h, width: w }, 4, 3);
      const image = await made(width, height);
      const job = slideJob('slide', image.slide);
      const result = await segmentSlide(job, networks, IDENTITY);
      expect(await ofSlide(job, width)).toEqual(await ofImage(image, networks));
      expect(result).toMatchObject({ width, height, tiles: result.tilesTotal });
      expect(existsSync(job.partialDir)).toBe(false);
    },
  );

  it('closes the first file of a tile row if the second cannot be opened', async () => {
    const { openPieces } = PartialRoi.prototype;
    const files: PieceFile[] = [];
    const spy = vi.spyOn(PartialRoi.prototype, 'openPieces').mockImplementation(function once(this: PartialRoi, name) {
      if (files.length > 0) throw new Error('EMFILE');
      const file = Reflect.apply(openPieces, this, [name]);
      files.push(file);
      vi.spyOn(file, 'close');
      return file;
    });
    try {
      const { slide } = await made(53, 35);
      const networks = fakeNetworks({ height: 16, width: 16 }, 4, 3);
      await expect(segmentSlide(slideJob('two-files', slide), networks, IDENTITY)).rejects.toThrow('EMFILE');
      expect(files[0]?.close).toHaveBeenCalled();
    } finally {
      spy.mockRestore();
    }
  });

  it('supports models that crop black borders and normalise by the whole image', async () => {
    const method: ModelMethod = {
      ...RGB_SOFTMAX,
      window: 'v2',
      normalisation: [{ scheme: 'ZScore', masked: false }, { scheme: 'RescaleTo01' }, { scheme: 'RGBTo01' }],
    };
    const networks = fakeNetworks({ height: 16, width: 16 }, 3, 2, method);
    const [width, height] = [70, 50];
    const rgb = noise(width * height * 3, 5).map((value, at) => {
      const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
      return x < 9 || x >= 61 || y < 3 || y >= 44 ? 0 : value;
    });
    const image = await made(width, height, rgb);
    const job = slideJob('slide', image.slide);
    await segmentSlide(job, networks, IDENTITY);
    expect(await ofSlide(job, width)).toEqual(await ofImage(image, networks));
  });

  it('supports grey models that take luma, and rejects models of two or four channels', async () => {
    const scheme = { scheme: 'Standardised', epsilon: 1e-6, together: true } as const;
    const luma = fakeNetworks({ height: 16, width: 16 }, 3, 1, {
      ...RGB_SOFTMAX,
      normalisation: [scheme],
      takesLuma: true,
    });
    const image = await made(40, 30);
    const job = slideJob('slide', image.slide);
    await segmentSlide(job, luma, IDENTITY);
    expect(await ofSlide(job, 40)).toEqual(await ofImage(image, luma));
    for (const normalisation of [
      [scheme, scheme],
      [scheme, scheme, scheme, scheme],
    ]) {
      const networks = fakeNetworks({ height: 16, width: 16 }, 3, 1, { ...RGB_SOFTMAX, normalisation });
      await expect(segmentSlide(job, networks, IDENTITY)).rejects.toMatchObject({
        code: 'CHECKPOINT_UNSUPPORTED',
        message: expect.stringContaining(`${normalisation.length} channels, and slides are read as RGB`),
      });
    }
  });

  it('computes only tiles that touch tissue, with the same result there as on the whole slide', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 4, 2);
    const image = await made(120, 90);
    const whole = await ofImage(image, networks);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.nat(1000),
        fc.double({ min: 0.01, max: 0.5, noNaN: true }),
        async (block, seed, share) => {
          const [across, down] = [Math.ceil(120 / block), Math.ceil(90 / block)];
          const tissue: TissueMask = {
            block,
            width: across,
            height: down,
            data: noise(across * down, seed).map((value) => (value < share * 255 ? 1 : 0)),
          };
          const job = { ...slideJob('slide', image.slide), tissue };
          const result = await segmentSlide(job, networks, IDENTITY);
          const { labels, confidence } = await ofSlide(job, 120);
          const expected = whole.labels.map((label, at) =>
            isTissue(tissue, at % 120, Math.floor(at / 120)) ? label : NOT_COMPUTED,
          );
          expect(Buffer.compare(labels, Buffer.from(expected))).toBe(0);
          const clear = whole.confidence.map((value, at) =>
            isTissue(tissue, at % 120, Math.floor(at / 120)) ? value : 0,
          );
          expect(Buffer.compare(confidence, Buffer.from(clear))).toBe(0);
          expect(result.tiles).toBeLessThanOrEqual(result.tilesTotal);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('reads and runs nothing for a row without tissue', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 4, 1);
    const image = await made(64, 64);
    const tissue = { block: 8, width: 8, height: 8, data: new Uint8Array(64) };
    tissue.data[0] = 1;
    const result = await segmentSlide({ ...slideJob('slide', image.slide), tissue }, networks, IDENTITY);
    expect(result.tiles).toBe(1);
    expect(networks.runs()).toBe(1);
  });

  it('resumes from any tile with the same bits', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 3, 3);
    const image = await made(50, 60);
    const expected = await ofImage(image, networks);
    const grid = tileGrid({ height: 60, width: 50 }, networks.patch);
    const passes = grid.rows.length * grid.columns.length * 3;
    for (let killedAt = 1; killedAt < passes; killedAt += 7) {
      const job = slideJob('slide', image.slide);
      await expect(segmentSlide(job, networks, IDENTITY, { signal: abortAfter(killedAt) })).rejects.toThrow('killed');
      const before = networks.runs();
      await segmentSlide(job, networks, IDENTITY);
      expect(networks.runs() - before).toBeLessThanOrEqual(passes);
      expect(await ofSlide(job, 50)).toEqual(expected);
    }
  });

  it('gives the same bits in strips as at once', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 3, 2);
    for (const height of [60, 61, 135]) {
      const image = await made(40, height);
      const expected = await ofImage(image, networks);
      const grid = tileGrid({ height, width: 40 }, networks.patch);
      const tiles = slideTiles(grid, { top: 0, bottom: height, left: 0, right: 40 }, undefined);
      for (const count of [2, 3, 7]) {
        const labels: string[] = [];
        const strips = stripsOf(tiles, count);
        expect(strips[0]?.first).toBe(0);
        expect(strips.at(-1)?.end).toBe(grid.rows.length);
        for (const [index, rows] of strips.entries()) {
          const job = { ...slideJob(`strip-${index}`, image.slide), rows };
          await segmentSlide(job, networks, IDENTITY);
          labels.push(job.labels);
        }
        expect(Buffer.compare(await allRows(labels, 40), expected.labels)).toBe(0);
      }
    }
  });

  it('reports before the first tile how many there are and how long they will take', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 3, 2);
    const image = await made(40, 40);
    const said: SlideProgress[] = [];
    await segmentSlide(slideJob('slide', image.slide), networks, IDENTITY, {
      onProgress: (progress) => said.push(progress),
    });
    expect(said[0]).toMatchObject({ tile: 0, of: 32, tiles: 16, tilesTotal: 16, expectedSeconds: expect.any(Number) });
    expect(said.filter(({ expectedSeconds }) => expectedSeconds !== undefined)).toHaveLength(1);
    expect(said.slice(1).map(({ tile }) => tile)).toEqual(Array.from({ length: 32 }, (_, tile) => tile));
  });
});
