import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import { masksAgreement } from '../../../toolkit/compare/compare-predictions.ts';
import { compareSides, expectCompared } from '../../../toolkit/compare/compare-sides.ts';
import { drawComparedLayers } from '../../../toolkit/compare/comparison-layers.ts';
import { readSide } from '../../../toolkit/compare/read-side.ts';
import { comparisonDocument, writeComparisonPage } from '../../../toolkit/compare/write-comparison.ts';
import { writeNpy } from '../../../toolkit/numpy.ts';
import { type ImagePrediction, slideCellFiles, slideTissueFiles } from '../../../toolkit/predict/prediction.ts';
import { writePredictionSummary } from '../../../toolkit/predict/prediction-summary.ts';
import type { Rows } from '../../../toolkit/slide/infer/slide-rows.ts';
import { writePyramid } from '../../../toolkit/slide/write-pyramid.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const config = VerdictConfig.parse({ resamples: 200 });
const { signal } = new AbortController();
const options = { config, signal, onRoi: () => undefined };
/** Wider than what is read at once, and no multiple of a tile. */
const [WIDTH, HEIGHT] = [8_300, 700];

const HOW = { cached: false, provider: 'cpu', seconds: 1, notes: [] };
const SLIDE = {
  name: 's',
  image: '/nowhere/s.svs',
  sha256: 'a'.repeat(64),
  width: 2 * WIDTH,
  height: 2 * HEIGHT,
  mpp: 0.25,
  resampledTo: { width: WIDTH, height: HEIGHT },
  ...HOW,
};

type Label = (x: number, y: number) => number;

/** Tissue on the left, nothing computed on the right. */
const A: Label = (x) => (x > 8_000 ? 255 : 1 + (Math.floor(x / 100) % 3));
/** The same but for one pixel in the second part, and what only B computed. */
const B: Label = (x, y) => (x === 8_195 || x > 8_250 ? 2 : x === 333 && y === 601 ? 9 : A(x, y));

function pixelsOf(label: Label): Uint8Array {
  return Uint8Array.from({ length: WIDTH * HEIGHT }, (_, at) => label(at % WIDTH, Math.floor(at / WIDTH)));
}

async function* rowsOf(pixels: Uint8Array, width: number): AsyncGenerator<Rows> {
  for (let at = 0; at < pixels.length; at += width) yield { count: 1, data: pixels.subarray(at, at + width) };
}

async function tissueFolder(pixels: Uint8Array, change: Partial<ImagePrediction> = {}, width = WIDTH): Promise<string> {
  const folder = await temporaryFolder();
  const files = slideTissueFiles('s');
  const size = { width, height: pixels.length / width };
  await writePyramid(join(folder, files.mask), rowsOf(pixels, width), { ...size, mpp: 0.5, description: 'made' });
  const areas = [{ value: 9, name: 'A class of the model', pixels: 1, share: 0.1 }];
  const image = { ...SLIDE, areas, files, ...change };
  const model = { path: '/m', digest: 'd' };
  await writePredictionSummary(folder, { task: 'he', model, settings: {}, images: [image], failures: [] });
  return folder;
}

async function compared(a: string, b: string) {
  const [one, other] = [await readSide(a, { name: 'a' }), await readSide(b, { name: 'b' })];
  return { one, other, comparison: await compareSides(one, other, options) };
}

describe('two tissue predictions of a slide', () => {
  it('are compared pixel by pixel, with areas in mm², and shown where they differ', async () => {
    const [ofA, ofB] = [pixelsOf(A), pixelsOf(B)];
    const { one, other, comparison } = await compared(await tissueFolder(ofA), await tissueFolder(ofB));
    const [he] = comparison.tasks;
    const { classes, ...sums } = masksAgreement(ofA, ofB);
    expect(he?.agreement).toMatchObject(sums);
    const mm2 = (pixels: number) => (pixels * 0.5 ** 2) / 1e6;
    for (const [label, { a, b, same }] of classes) {
      const found = he?.agreement.classes.get(label);
      expect(found).toMatchObject({ a, b, same });
      expect(found?.mm2?.a).toBeCloseTo(mm2(a), 9);
      expect(found?.mm2?.b).toBeCloseTo(mm2(b), 9);
    }
    expect([...(he?.agreement.classes.keys() ?? [])]).toEqual([...classes.keys()]);
    expect(comparison.verdict).toBe('within tolerance');
    const out = await temporaryFolder();
    const layers = await drawComparedLayers(out, one, other, comparison.tasks, 2, signal);
    const [drawn] = layers;
    // One pixel of eleven million is not lost.
    expect(drawn?.spots).toMatchObject([{ count: 1 }]);
    expect(Object.keys(drawn?.files ?? {}).sort()).toEqual(['differ', 'ours', 'published']);
    expect(drawn?.notes.join(' ')).toContain('6 x 6 px');
    expect(await readdir(join(out, 'report', 'assets', 'he'))).toEqual(['s']);
    await writeComparisonPage(out, one, other, comparison, layers, '0');
    expect(JSON.stringify(comparisonDocument(one, other, comparison))).toContain('"mm2":{"a":');
  });

  it('are not compared if they are of different slides or pixel sizes', async () => {
    const small = new Uint8Array(64 * 64).fill(1);
    const size = { width: 64, height: 64, resampledTo: { width: 64, height: 64 } };
    const a = await tissueFolder(small, size, 64);
    const reason = async (change: Partial<ImagePrediction>, pixels = small, width = 64) => {
      const { comparison } = await compared(a, await tissueFolder(pixels, { ...size, ...change }, width));
      expect(() => expectCompared(comparison)).toThrow(expect.objectContaining({ code: 'NOT_COMPARABLE' }));
      return comparison.tasks[0]?.rois[0]?.reason;
    };
    expect(await reason({ sha256: 'b'.repeat(64) })).toContain('The slides differ: the file of A has the SHA-256 aaaa');
    expect(await reason({ width: 65 })).toBe('The slides differ: that of A is 64 x 64 px, that of B 65 x 64.');
    expect(await reason({}, new Uint8Array(32 * 32), 32)).toContain('predict both with the same --level and --mpp');
    expect(await reason({ files: { mask: 'masks/s.png' } })).toContain('It is an image in B, but a whole slide in A');
  });

  it('are compared if an earlier version did not record the digest of the slide', async () => {
    const small = new Uint8Array(64 * 64).fill(1);
    const size = { width: 64, height: 64, resampledTo: { width: 64, height: 64 } };
    const folder = await tissueFolder(small, size, 64);
    const summary = { ...SLIDE, ...size, files: slideTissueFiles('s') };
    const { sha256: _digest, ...earlier } = summary;
    const model = { path: '/m', digest: 'd' };
    const settings = {};
    await writePredictionSummary(folder, { task: 'he', model, settings, images: [earlier], failures: [] });
    const { comparison } = await compared(folder, await tissueFolder(small, size, 64));
    expect(comparison.verdict).toBe('equal');
  });
});

describe('two cell predictions of a slide', () => {
  async function cellFolder(
    points: readonly number[],
    positive: number,
    change: Partial<ImagePrediction> = {},
  ): Promise<string> {
    const folder = await temporaryFolder();
    const files = slideCellFiles('s');
    const data = Float32Array.from(points);
    await writeNpy(join(folder, files.points), { dtype: 'float32', shape: [data.length / 3, 3], data });
    const tumourProportion = { positive, negative: 1, percent: (100 * positive) / (positive + 1) };
    const image = { ...SLIDE, cells: data.length / 3, tumourProportion, files, ...change };
    const model = { path: '/m', digest: 'd' };
    await writePredictionSummary(folder, { task: 'pdl1', model, settings: {}, images: [image], failures: [] });
    return folder;
  }

  it('are matched in pixels of the network, with the tumour proportion of both', async () => {
    // 3 px of the slide are 1.5 px of what the network saw, within 2 px; 5 px are not.
    const a = await cellFolder([100, 100, 0, 8_000, 900, 1, 40, 40, 2], 1);
    const b = await cellFolder([103, 100, 0, 8_005, 900, 1, 40, 40, 2], 3);
    const { one, other, comparison } = await compared(a, b);
    const [pdl1] = comparison.tasks;
    expect(pdl1?.agreement).toMatchObject({ a: 3, b: 3, same: 2, farthest: 1.5 });
    expect(pdl1?.rois[0]?.tumour).toEqual({
      a: { positive: 1, negative: 1, percent: 50 },
      b: { positive: 3, negative: 1, percent: 75 },
    });
    const out = await temporaryFolder();
    const layers = await drawComparedLayers(out, one, other, comparison.tasks, 2, signal);
    expect(Object.keys(layers[0]?.files ?? {}).sort()).toEqual(['differ', 'image', 'ours', 'published', 'truth']);
    expect(layers[0]?.width).toBe(1_600);
    expect(layers[0]?.notes.join(' ')).toContain('no longer at its path');
  });

  it('are not compared if the slide was predicted at different pixel sizes', async () => {
    const half = await cellFolder([100, 100, 0], 1);
    const quarter = await cellFolder([103, 100, 0], 1, { resampledTo: { width: WIDTH / 2, height: HEIGHT / 2 } });
    for (const [a, b] of [
      [half, quarter],
      [quarter, half],
    ] as const) {
      const { comparison } = await compared(a, b);
      expect(() => expectCompared(comparison)).toThrow(expect.objectContaining({ code: 'NOT_COMPARABLE' }));
      expect(comparison.tasks[0]?.rois[0]?.reason).toContain('predict both with the same --level and --mpp');
    }
  });

  it('show the classes of a detector with more classes than the task', async () => {
    const counts = Array.from({ length: 6 }, (_, value) => ({ value, name: `class ${value}`, count: 1 }));
    const a = await cellFolder([100, 100, 0, 8_000, 900, 5], 1, { counts });
    const b = await cellFolder([100, 100, 0, 8_000, 900, 4], 1, { counts });
    const { one, other, comparison } = await compared(a, b);
    const out = await temporaryFolder();
    const [drawn] = await drawComparedLayers(out, one, other, comparison.tasks, 2, signal);
    expect(drawn?.classes.map(({ published, ours }) => [published, ours])).toEqual([
      ...[
        [1, 1],
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      ...[
        [0, 1],
        [1, 0],
      ],
    ]);
    const layer = await readFile(join(out, 'report', drawn?.files.published ?? ''), 'utf8');
    expect(layer.match(/marker id=/g)).toHaveLength(2);
  });

  it('show no hotspots if a side has too many cells to draw', async () => {
    const many = Array.from({ length: 40_000 }, (_, at) => [(at % 400) * 40, Math.floor(at / 400) * 13, at % 3]);
    const { one, other, comparison } = await compared(await cellFolder(many.flat(), 1), await cellFolder([9, 9, 0], 1));
    const [drawn] = await drawComparedLayers(await temporaryFolder(), one, other, comparison.tasks, 2, signal);
    expect(drawn?.files.published).toBeUndefined();
    expect(drawn?.notes.join(' ')).toContain('too large');
    expect(drawn?.spots).toEqual([]);
  });

  it('show the slide if it is available', async () => {
    const folder = await temporaryFolder();
    const image = join(folder, 's.tif');
    await sharp({ create: { width: 300, height: 200, channels: 3, background: '#b06090' } })
      .tiff({ tile: true, tileWidth: 256, tileHeight: 256, compression: 'deflate' })
      .toFile(image);
    const points = await cellFolder([10, 10, 0], 1);
    const slide = { ...SLIDE, image, width: 300, height: 200, resampledTo: { width: 150, height: 100 } };
    const model = { path: '/m', digest: 'd' };
    const images = [{ ...slide, cells: 1, files: slideCellFiles('s') }];
    await writePredictionSummary(points, { task: 'pdl1', model, settings: {}, images, failures: [] });
    const { one, other, comparison } = await compared(points, points);
    expect(comparison.verdict).toBe('equal');
    const draw = async () => drawComparedLayers(await temporaryFolder(), one, other, comparison.tasks, 2, signal);
    expect((await draw())[0]?.notes).toEqual([]);
    await rm(image);
    expect((await draw())[0]?.notes.join(' ')).toContain('no longer at its path');
  });
});
