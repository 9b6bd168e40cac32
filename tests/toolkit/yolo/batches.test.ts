import { appendFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { describeDetector, prepareCellModel } from '../../../toolkit/models/cell-model.ts';
import { writeModel } from '../../../toolkit/onnx/file/model-file.ts';
import { ANY_LENGTH, GraphBuilder } from '../../../toolkit/onnx/graph/graph.ts';
import { conv, floats, reshape } from '../../../toolkit/onnx/graph/operators.ts';
import { convertDetector } from '../../../toolkit/yolo/convert/convert-detector.ts';
import { createCellDetector } from '../../../toolkit/yolo/detect/cell-detector.ts';
import { detectImage } from '../../../toolkit/yolo/detect/detect-image.ts';
import {
  batchGraphFile,
  type DetectorModel,
  detectTiles,
  paddedTo,
} from '../../../toolkit/yolo/detect/detect-tiles.ts';
import { PartialDetection, readBoxes } from '../../../toolkit/yolo/detect/detection-files.ts';
import { type ImageTile, imageTiles } from '../../../toolkit/yolo/detect/image-views.ts';
import { batchOn, type DetectorOptions, openDetector } from '../../../toolkit/yolo/detect/open-detector.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';
import { webgpuMissing } from '../../support/software-vulkan.ts';
import { fixture, SIZE } from './support/fixtures.ts';

const FAMILIES: readonly (readonly [file: string, oneToMany: boolean])[] = [
  ['yolov5/v3.pt', false],
  ['yolov5/v5.pt', false],
  ['yolov5/v7.pt', false],
  ['ultralytics/v8.pt', false],
  ['ultralytics/v9.pt', false],
  ['ultralytics/v10.pt', false],
  ['ultralytics/v10.pt', true],
  ['ultralytics/v12.pt', false],
  ['ultralytics/seg.pt', false],
  ['ultralytics/oracle/best.pt', false],
];
const TILE = 3 * SIZE * SIZE;
const MOST = 8;

async function converted(file: string, oneToMany = false) {
  const folder = await temporaryFolder();
  const checkpoint = join(import.meta.dirname, '../../fixtures', file);
  return { folder, card: await convertDetector({ checkpoint, out: folder, size: SIZE, oneToMany }) };
}

/** Tiles of noise, each of other numbers. */
function noiseTiles(count: number): Float32Array {
  return Float32Array.from(noise(count * TILE, 7), (value) => value / 255);
}

async function opened(folder: string, options: DetectorOptions = {}) {
  const detector = await openDetector(folder, { provider: 'cpu', threads: 1, ...options });
  onTestFinished(() => detector.release());
  return detector;
}

/** Runs a detector on one tile without optimising its graph. */
async function runUnoptimised(path: string, name: string): Promise<Float32Array> {
  const session = await InferenceSession.create(path, { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  const { [name]: output } = await session.run({ images: new Tensor(noiseTiles(1), [1, 3, SIZE, SIZE]) }, [name]);
  await session.release();
  if (!(output?.data instanceof Float32Array)) throw new TypeError('The output is not float32');
  return output.data;
}

describe('the graph of a detector for several tiles', () => {
  it.each(FAMILIES)(
    'gives for each of 1, 3 or 8 tiles the bits of one, and computes what the graph for one tile does: %s, one to many %s',
    async (file, oneToMany) => {
      const { folder, card } = await converted(file, oneToMany);
      const detector = await opened(folder, { batchSize: MOST, isBatchedOnCpu: true });
      expect(detector.batch).toBe(MOST);
      const length = detector.rows * (5 + detector.classes.length);
      const tiles = noiseTiles(MOST);
      const single = new Float32Array(MOST * length);
      for (let k = 0; k < MOST; k++) {
        await detector.run(tiles.subarray(k * TILE, (k + 1) * TILE), single.subarray(k * length, (k + 1) * length));
      }
      for (const count of [1, 3, MOST]) {
        const heads = new Float32Array(count * length);
        await detector.run(tiles.subarray(0, count * TILE), heads);
        expect(Buffer.compare(Buffer.from(heads.buffer), Buffer.from(single.buffer, 0, heads.byteLength))).toBe(0);
      }
      // With optimisation, ONNX Runtime chooses other layouts for graphs of unknown shape, which add in another order.
      const unoptimised = (path: string) => runUnoptimised(path, card.output);
      expect(await unoptimised(await batchGraphFile(folder, card))).toEqual(await unoptimised(join(folder, card.file)));
    },
  );

  it('is written once, and leaves the graph for one tile as it is', async () => {
    const { folder, card } = await converted('yolov5/v7.pt');
    const before = await readFile(join(folder, card.file));
    const file = await batchGraphFile(folder, card);
    const { ino } = await stat(file);
    expect(await batchGraphFile(folder, card)).toBe(file);
    expect((await stat(file)).ino).toBe(ino);
    expect(await readFile(join(folder, card.file))).toEqual(before);
  });

  it.each([
    ['damaged', (file: string) => writeFile(file, 'damaged')],
    ['of an earlier version, without its SHA-256', (file: string) => rm(`${file}.sha256`)],
  ])('is written again if it is %s', async (_, change) => {
    const { folder, card } = await converted('yolov5/v7.pt');
    const file = await batchGraphFile(folder, card);
    const before = await readFile(file);
    const { ino } = await stat(file);
    await change(file);
    expect(await batchGraphFile(folder, card)).toBe(file);
    expect((await readFile(file)).equals(before)).toBe(true);
    expect((await stat(file)).ino).not.toBe(ino);
  });

  it('is replaced with the graph for one tile if it cannot be written', async () => {
    const { folder } = await converted('yolov5/v7.pt');
    await writeFile(join(folder, 'batches'), 'not a folder');
    const detector = await opened(folder, { batchSize: MOST, isBatchedOnCpu: true });
    expect(detector.batch).toBe(1);
    expect(detector.engine).toMatchObject({ provider: 'cpu' });
    expect(detector.engine.fallbacks).toEqual([expect.stringMatching(/^Tiles run one at a time, because .*batches/)]);
    await detector.run(noiseTiles(1), new Float32Array(detector.rows * (5 + detector.classes.length)));
  });
});

/** Largest difference of two lists of numbers; that of missing numbers from 0. */
function farthest(ours: Float32Array | undefined, theirs: Float32Array): number {
  return theirs.reduce((most, value, at) => Math.max(most, Math.abs((ours?.[at] ?? 0) - value)), 0);
}

const IMAGE = fixture('image.png');

async function jobIn() {
  const out = await temporaryFolder();
  return { image: IMAGE, floor: 0.05, partialDir: join(out, 'partial'), boxes: join(out, 'boxes.npy') };
}

/** Throws in the place of a kill when it was asked that often. */
function stopAfter(checks: number): { throwIfAborted(): void } {
  let asked = 0;
  return {
    throwIfAborted() {
      if (asked++ > checks) throw new Error('killed');
    },
  };
}

describe('an image of six tiles', () => {
  async function detectedBy(model: DetectorModel) {
    const job = await jobIn();
    const { seen, ...result } = await detectImage(job, model, {});
    return { result, bytes: await readFile(job.boxes), boxes: await readBoxes(job.boxes, seen) };
  }

  it('has the same boxes in batches as one tile at a time', async () => {
    const { folder } = await converted('yolov5/v7.pt');
    const onCpu = await detectedBy(await opened(folder));
    for (const batchSize of [2, 3, 4, 8]) {
      const batched = await opened(folder, { batchSize, isBatchedOnCpu: true });
      const single: DetectorModel = { ...batched, batch: 1, run: (input, heads) => batched.run(input, heads) };
      const many = await detectedBy(batched);
      expect(many.result).toMatchObject({ tiles: 6, resumed: 0 });
      expect(many.bytes.equals((await detectedBy(single)).bytes), `batches of ${batchSize}`).toBe(true);
      for (const [place, { candidates }] of onCpu.boxes.tiles.entries()) {
        const ours = many.boxes.tiles[place]?.candidates;
        expect(ours?.count).toBe(candidates.count);
        expect(farthest(ours?.corners, candidates.corners)).toBeLessThan(1e-3);
        expect(farthest(ours?.scores, candidates.scores)).toBeLessThan(1e-5);
      }
    }
  });

  it('is resumed batch by batch after a kill, with the same bytes', async () => {
    const { folder } = await converted('yolov5/v7.pt');
    const model = await opened(folder, { batchSize: 2, isBatchedOnCpu: true });
    const whole = await jobIn();
    await detectImage(whole, model, {});
    const job = await jobIn();
    await expect(detectImage(job, model, {}, { signal: stopAfter(2) })).rejects.toThrow('killed');
    // The batch that ran when the job was stopped is finished as well.
    expect((await readdir(job.partialDir)).sort()).toEqual(['tile-0.bin', 'tile-1.bin', 'tile-2.bin', 'tile-3.bin']);
    await rm(join(job.partialDir, 'tile-1.bin'));
    expect((await detectImage(job, model, {})).resumed).toBe(2);
    expect(await readFile(job.boxes)).toEqual(await readFile(whole.boxes));
  });
});

/** A detector that finds nothing and records its runs; each ends when `finish` is called. */
function recorder(batch: number) {
  const runs: number[] = [];
  const waiting: (() => void)[] = [];
  const model: DetectorModel = {
    ...{ digest: 'recorder', size: SIZE, rows: 1, classes: ['a'], batch },
    run(input, heads) {
      runs.push(input.length / TILE);
      heads.fill(0);
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
  return { model, runs, finish: () => waiting.shift()?.() };
}

const until = (isSo: () => boolean) => vi.waitFor(() => expect(isSo()).toBe(true), { timeout: 20_000, interval: 5 });

async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('detectTiles', () => {
  it.each([
    [1, 1, 8],
    [3, 4, 8],
    [5, 8, 8],
    [5, 6, 6],
    [8, 8, 8],
  ])('runs %i tiles as %i if %i are allowed', (tiles, padded, most) => {
    expect(paddedTo(tiles, most)).toBe(padded);
  });

  it('pads the last batch, and reports the finished tiles before every batch', async () => {
    const { model, runs, finish } = recorder(4);
    const reported: number[] = [];
    const detection = detectImage(await jobIn(), model, {}, { onProgress: ({ tile }) => reported.push(tile) });
    for (const count of [1, 2]) {
      await until(() => runs.length === count);
      finish();
    }
    await detection;
    expect(runs).toEqual([4, 2]);
    expect(reported).toEqual([0, 0, 6]);
  });

  it('fills the next batch while one runs, and starts it only then', async () => {
    const { model, runs, finish } = recorder(2);
    const partial = await PartialDetection.open(join(await temporaryFolder(), 'partial'), {});
    const filled: number[] = [];
    const fill = ({ index }: ImageTile) => void filled.push(index);
    const detected = detectTiles(imageTiles({ width: 3 * SIZE, height: SIZE }, SIZE), {
      model,
      partial,
      floor: 0.05,
      fill,
    });
    const all = collected(detected);
    await until(() => filled.length === 3);
    await new Promise((resolve) => setImmediate(resolve));
    expect(runs).toEqual([2]);
    finish();
    await until(() => runs.length === 2);
    finish();
    expect((await all).map(({ tile }) => tile.index)).toEqual([0, 1, 2]);
  });

  it('fails with the error of a run, whatever happens at the same time', async () => {
    const failing: DetectorModel = { ...recorder(2).model, run: () => Promise.reject(new Error('no memory')) };
    await expect(detectImage(await jobIn(), failing, {})).rejects.toThrow('no memory');
  });
});

describe('batchOn', () => {
  const tile = { height: 512, width: 512 };

  it('names a batch in the key on GPUs only, and only for networks that allow it', () => {
    expect(batchOn('cpu', true, tile, { batchSize: 4 })).toEqual({ batch: 1 });
    expect(batchOn('webgpu', true, tile, { batchSize: 4 })).toEqual({ batch: 4, batchSize: 4 });
    expect(batchOn('webgpu', true, tile, { batchSize: 1 })).toEqual({ batch: 1, batchSize: 1 });
    expect(batchOn('webgpu', false, tile, { batchSize: 4 })).toEqual({ batch: 1 });
  });

  it('chooses by the size of a tile what fits into the memory of an unknown GPU', () => {
    expect(batchOn('webgpu', true, tile)).toEqual({ batch: 4, batchSize: 0 });
    expect(batchOn('webgpu', true, { height: 64, width: 64 })).toEqual({ batch: 8, batchSize: 0 });
    expect(batchOn('webgpu', true, { height: 4096, width: 4096 })).toEqual({ batch: 1, batchSize: 0 });
  });
});

/** An exported detector with one box, whose score is 0.2 and the mean of the tile. */
async function writeExported(path: string, images: number): Promise<void> {
  const graph = new GraphBuilder('own');
  const weights = new Float32Array(5 * TILE);
  weights.fill(1 / TILE, 4 * TILE);
  const image = graph.input('image', 'float32', [images, 3, SIZE, SIZE]);
  const weight = floats(graph, 'w', [5, 3, SIZE, SIZE], () => weights);
  const bias = floats(graph, 'b', [5], () => Float32Array.of(16, 16, 8, 8, 0.2));
  const head = conv(graph, 'head', image, { weight, bias }, { kernel: [SIZE, SIZE], padding: [0, 0] });
  graph.output(reshape(graph, 'boxes', head, [0, 5, 1]), 'float32', [images, 5, 1]);
  await writeModel(path, graph.build());
  const sidecar = { kind: 'detection', output: { format: 'yolov8' }, labels: ['cell'] };
  await writeFile(path.replace('.onnx', '.json'), JSON.stringify(sidecar));
}

describe('an ONNX detector from elsewhere', () => {
  it.each([
    ['one', 1, 1],
    ['any number', ANY_LENGTH, 4],
  ])('that takes %s of images runs %i -> %i tiles at once', async (_, images, batch) => {
    const folder = await temporaryFolder();
    await writeExported(join(folder, 'own.onnx'), images);
    const { modelDir } = await prepareCellModel(join(folder, 'own.onnx'), join(folder, 'models'));
    const model = await opened(modelDir, { batchSize: 4, isBatchedOnCpu: true });
    expect(model.batch).toBe(batch);
    const job = await jobIn();
    const { seen } = await detectImage(job, model, {});
    const alone = await jobIn();
    await detectImage(alone, await opened(modelDir), {});
    expect(await readFile(job.boxes)).toEqual(await readFile(alone.boxes));
    const scores = (await readBoxes(job.boxes, seen)).tiles.map(({ candidates }) => candidates.scores[0] ?? 0);
    expect(new Set(scores).size).toBe(6);
  });
});

/** Field `metadata_props` of an ONNX model. */
const METADATA_FIELD = 14;

interface ExportOptions {
  readonly format?: string;
  /** Adds a node that quantises the image dynamically. */
  readonly isQuantised?: boolean;
  /** Reshapes the output to this number of images; default: that of the input. */
  readonly images?: number;
}

/** A detector with dynamic axes that computes one row for each tile: six means of its pixels. */
async function writeDynamic(path: string, { format = 'end2end', isQuantised, images = -1 }: ExportOptions) {
  const graph = new GraphBuilder('own');
  const image = graph.input('image', 'float32', [ANY_LENGTH, 3, SIZE, SIZE]);
  const weight = floats(graph, 'w', [6, 3, SIZE, SIZE], () => new Float32Array(6 * TILE).fill(1 / TILE));
  const bias = floats(graph, 'b', [6], () => new Float32Array(6));
  const head = conv(graph, 'head', image, { weight, bias }, { kernel: [SIZE, SIZE], padding: [0, 0] });
  const shape = format === 'yolov8' ? [images, 6, 1] : [images, 1, 6];
  graph.output(reshape(graph, 'boxes', head, shape), 'float32', [ANY_LENGTH, ...shape.slice(1)]);
  const built = graph.build();
  const outputs = ['quantised', 'scale', 'zero'];
  const quantise = { name: 'q', operator: 'DynamicQuantizeLinear', inputs: ['image'], outputs, attributes: [] };
  await writeModel(path, { ...built, nodes: [...built.nodes, ...(isQuantised ? [quantise] : [])] });
  const sidecar = { kind: 'detection', output: { format }, labels: format === 'yolov5' ? ['cell'] : ['a', 'b'] };
  await writeFile(path.replace('.onnx', '.json'), JSON.stringify(sidecar));
}

describe('an ONNX detector with dynamic axes', () => {
  it('has the stride that its export notes', async () => {
    const path = join(await temporaryFolder(), 'own.onnx');
    await writeDynamic(path, { format: 'yolov8' });
    expect(await describeDetector(path)).toMatchObject({ stride: 32 });
    const text = (field: number, value: string) => Buffer.from([8 * field + 2, value.length, ...Buffer.from(value)]);
    const note = Buffer.concat([text(1, 'stride'), text(2, '64')]);
    await appendFile(path, Buffer.concat([Buffer.from([8 * METADATA_FIELD + 2, note.length]), note]));
    expect(await describeDetector(path)).toMatchObject({ stride: 64 });
  });

  async function openedDynamic(options: ExportOptions) {
    const folder = await temporaryFolder();
    await writeDynamic(join(folder, 'own.onnx'), options);
    const { modelDir } = await prepareCellModel(join(folder, 'own.onnx'), join(folder, 'models'));
    return opened(modelDir, { batchSize: 4, isBatchedOnCpu: true });
  }

  it.each([
    ['after non-maximum suppression, one tile', { format: 'end2end' }, 1],
    ['with dynamic quantisation, one tile', { format: 'yolov8', isQuantised: true }, 1],
    ['as YOLOv8 computes them, several tiles', { format: 'yolov8' }, 4],
    ['as YOLOv5 computes them, several tiles', { format: 'yolov5' }, 4],
  ])('whose boxes are those %s at once', async (_, options, batch) => {
    expect((await openedDynamic(options)).batch).toBe(batch);
  });

  it('fails with a remedy if it takes one image only', async () => {
    const detector = await openedDynamic({ format: 'yolov8', images: 1 });
    await expect(detector.run(noiseTiles(2), new Float32Array(2 * 7))).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: expect.stringContaining('failed on 2 tiles at once'),
      remedy: expect.stringMatching(/--provider cpu.*without dynamic axes/),
    });
  });
});

const missing = await webgpuMissing();

describe.skipIf(missing !== undefined)(`detection on WebGPU (${missing ?? 'on the driver at hand'})`, () => {
  it('in batches gives the boxes of one tile at a time, and those of the CPU but for rounding', async () => {
    const { folder } = await converted('yolov5/v7.pt');
    const detector = createCellDetector({ provider: 'webgpu', threads: 1 });
    const onCpu = createCellDetector({ provider: 'cpu', threads: 1 });
    onTestFinished(async () => {
      await detector.close();
      await onCpu.close();
    });
    const detect = async (by: typeof detector, batchSize: number) => {
      const job = { ...(await jobIn()), modelDir: folder, batchSize };
      const result = await by.detect(job);
      return { result, boxes: await readBoxes(job.boxes, result.seen), bytes: await readFile(job.boxes) };
    };
    const batched = await detect(detector, 4);
    expect(batched.result).toMatchObject({ provider: 'webgpu', batchSize: 4, tiles: 6, fallbacks: [] });
    const single = await detect(detector, 1);
    expect(single.result.batchSize).toBe(1);
    expect(batched.bytes.equals(single.bytes)).toBe(true);
    const cpu = await detect(onCpu, 4);
    expect(cpu.result.batchSize).toBeUndefined();
    for (const [place, { candidates }] of cpu.boxes.tiles.entries()) {
      const ours = batched.boxes.tiles[place]?.candidates;
      expect(ours?.count).toBe(candidates.count);
      for (const [at, side] of candidates.corners.entries())
        expect(Math.abs((ours?.corners[at] ?? 0) - side)).toBeLessThan(1e-2);
    }
  });
});
