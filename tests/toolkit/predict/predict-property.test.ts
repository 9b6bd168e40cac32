import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Task } from '../../../config/tasks.ts';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { fileExists } from '../../../toolkit/files/file-access.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { decodeLabels } from '../../../toolkit/image/decode-labels.ts';
import { decodeGrey16 } from '../../../toolkit/image/decode-pixels.ts';
import { readPoints } from '../../../toolkit/metrics/points-file.ts';
import { createRoiSegmenter } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { readNpy } from '../../../toolkit/numpy.ts';
import type { ImagePrediction, PredictionChoices } from '../../../toolkit/predict/prediction.ts';
import { taskNamed } from '../../../toolkit/tasks/task-named.ts';
import { createCellDetector } from '../../../toolkit/yolo/detect/cell-detector.ts';
import { writeOwnSegmentation } from '../../support/custom-onnx.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';
import { writeTiff } from '../../support/write-tiff.ts';

const folder = suiteFolder();
const engines = { segmenter: createRoiSegmenter(), detector: createCellDetector() };
const DETECTOR = fileURLToPath(new URL('../../fixtures/yolov5/v5.pt', import.meta.url));

beforeAll(async () => {
  const sidecar = {
    kind: 'segmentation',
    output: { values: 'probabilities', layout: 'NHWC' },
    labels: ['a', 'b', 'c'],
  };
  await writeOwnSegmentation(join(folder(), 'own.onnx'), sidecar, 'probabilities, NHWC out');
});
afterAll(async () => {
  await engines.segmenter.close();
  await engines.detector.close();
});

interface Kind {
  readonly name: string;
  /** What the notes have to name; `refused` for what is not taken at all. */
  readonly said: readonly string[] | 'refused';
  write(path: string, width: number, height: number, seed: number): Promise<unknown>;
}

const rgb = (width: number, height: number, seed: number) =>
  sharp(noise(width * height * 3, seed), { raw: { width, height, channels: 3 } });

function tiffKind(
  name: string,
  said: Kind['said'],
  { samples, bits, ...more }: { samples: number; bits: number } & Partial<Parameters<typeof writeTiff>[1]>,
): Kind {
  return {
    name: `${name}.tif`,
    said,
    write: (path, width, height, seed) =>
      writeTiff(path, {
        width,
        height,
        samples,
        bits,
        pixels: noise((width * height * samples * bits) / 8, seed),
        ...more,
      }),
  };
}

const [ALPHA, GREY, DEEP] = ['Alpha channel dropped.', 'Grey expanded to RGB.', '16-bit samples reduced'];

const KINDS: readonly Kind[] = [
  { name: 'rgb.png', said: [], write: (path, w, h, seed) => rgb(w, h, seed).png().toFile(path) },
  {
    name: 'alpha.png',
    said: [ALPHA],
    write: (path, w, h, seed) => rgb(w, h, seed).ensureAlpha(0.3).png().toFile(path),
  },
  {
    name: 'grey.png',
    said: [GREY],
    write: (path, w, h, seed) => rgb(w, h, seed).toColourspace('b-w').png().toFile(path),
  },
  {
    name: 'palette.png',
    said: ['Palette expanded'],
    write: (path, w, h, seed) => rgb(w, h, seed).png({ palette: true }).toFile(path),
  },
  {
    name: 'deep.png',
    said: [DEEP],
    write: (path, w, h, seed) => rgb(w, h, seed).toColourspace('rgb16').png().toFile(path),
  },
  {
    name: 'turned.png',
    said: ['orientation tag (6'],
    write: (path, w, h, seed) => rgb(w, h, seed).withMetadata({ orientation: 6 }).png().toFile(path),
  },
  { name: 'rgb.jpg', said: [], write: (path, w, h, seed) => rgb(w, h, seed).jpeg().toFile(path) },
  {
    name: 'grey.jpg',
    said: [GREY],
    write: (path, w, h, seed) => rgb(w, h, seed).toColourspace('b-w').jpeg().toFile(path),
  },
  {
    name: 'turned.jpg',
    said: ['orientation tag (8'],
    write: (path, w, h, seed) => rgb(w, h, seed).withMetadata({ orientation: 8 }).jpeg().toFile(path),
  },
  {
    name: 'cmyk.jpg',
    said: 'refused',
    write: (path, w, h, seed) => rgb(w, h, seed).toColourspace('cmyk').jpeg().toFile(path),
  },
  { name: 'other.webp', said: 'refused', write: (path, w, h, seed) => rgb(w, h, seed).webp().toFile(path) },
  tiffKind('rgb', [], { samples: 3, bits: 8 }),
  tiffKind('big', [], { samples: 3, bits: 8, isLittle: false, isBig: true }),
  tiffKind('grey16', [GREY, DEEP], { samples: 1, bits: 16, isLittle: false }),
  tiffKind('alpha16', [ALPHA, DEEP], { samples: 4, bits: 16, tags: { 338: [2] } }),
  tiffKind('white-is-zero', [GREY, 'inverted'], { samples: 1, bits: 8, photometric: 0 }),
  tiffKind('turned', ['orientation tag (3'], { samples: 3, bits: 8, tags: { 274: [3] } }),
  tiffKind('pages', ['first of its 2 pages'], { samples: 3, bits: 8, pages: 2 }),
  tiffKind('float', 'refused', { samples: 3, bits: 32, tags: { 339: [3, 3, 3] } }),
  tiffKind('int16', 'refused', { samples: 1, bits: 16, tags: { 339: [2] } }),
  tiffKind('uint32', 'refused', { samples: 1, bits: 32 }),
  tiffKind('five', 'refused', { samples: 5, bits: 8, photometric: 1 }),
  tiffKind('cmyk', 'refused', { samples: 4, bits: 8, photometric: 5 }),
  tiffKind('lab', 'refused', { samples: 3, bits: 8, photometric: 8 }),
];

const sides = (most: number) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 40 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: most }) },
  );
const scales = fc.constantFrom<Pick<PredictionChoices, 'mpp' | 'resample'>>(
  { resample: false },
  { mpp: 0.5, resample: false },
  { mpp: 0.25, resample: true },
  { mpp: 0.9, resample: true },
);

async function predict(task: Task, path: string, choices: Pick<PredictionChoices, 'mpp' | 'resample' | 'confidence'>) {
  const order = {
    task,
    model: task === 'he' ? join(folder(), 'own.onnx') : DETECTOR,
    out: join(folder(), 'out'),
    session: { provider: 'cpu' as const },
    choices: { ...choices, simplify: 0, minArea: 0 },
  };
  const predictor = await taskNamed(order.task).openPredictor(order, homeFolders(join(folder(), 'home')), engines);
  return predictor.predict({ path, name: 'image' });
}

interface Geometry {
  readonly type: string;
  readonly coordinates: unknown;
}

async function expectPlacesWithin(path: string, width: number, height: number): Promise<void> {
  const { features, imageCoordinates } = JSON.parse(await readFile(join(folder(), 'out', path), 'utf8'));
  expect(imageCoordinates).toMatchObject({ width, height });
  const numbers = features.flatMap(({ geometry }: { geometry: Geometry }) => [geometry.coordinates].flat(4));
  for (let at = 0; at < numbers.length; at += 2) {
    expect(numbers[at] >= 0 && numbers[at] <= width && numbers[at + 1] >= 0 && numbers[at + 1] <= height).toBe(true);
  }
}

async function expectTissue({ files, areas = [] }: ImagePrediction, width: number, height: number): Promise<void> {
  const path = (file: string | undefined) => join(folder(), 'out', file ?? '');
  const mask = await decodeLabels(path(files['mask']));
  const margins = await decodeGrey16(path(files['margin']));
  const coloured = await sharp(path(files['coloured'])).metadata();
  for (const map of [mask, margins, coloured]) expect([map.width, map.height]).toEqual([width, height]);
  expect(areas.reduce((sum, { pixels }) => sum + pixels, 0)).toBe(width * height);
  await expectPlacesWithin(files['polygons'] ?? '', width, height);
}

async function expectCells({ files, cells = 0, counts = [] }: ImagePrediction, width: number, height: number) {
  await expectPlacesWithin(files['geojson'] ?? '', width, height);
  expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(cells);
  const { data, shape } = await readNpy(join(folder(), 'out', files['points'] ?? ''));
  expect(shape).toEqual([cells, 3]);
  for (let at = 0; at < data.length; at += 3) {
    const [x, y] = [Number(data[at]), Number(data[at + 1])];
    expect(x >= 0 && x < width && y >= 0 && y < height).toBe(true);
  }
}

it('writes every file that the summary of an image without cells names', async () => {
  const path = join(folder(), 'empty.png');
  await rgb(64, 48, 1).png().toFile(path);
  const result = await predict('nuclei', path, { resample: false, confidence: 1 });
  expect(result.cells).toBe(0);
  for (const file of Object.values(result.files)) {
    expect(await fileExists(join(folder(), 'out', file)), file).toBe(true);
  }
  expect(await readPoints(join(folder(), 'out', result.files['points'] ?? ''), 'nuclei')).toEqual([]);
  await expectCells(result, 64, 48);
});

it('covers exactly the stored pixels and names every conversion, or says why not', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...KINDS),
      fc.constantFrom<Task>('he', 'nuclei'),
      sides(700),
      sides(300),
      scales,
      fc.nat(1e6),
      async (kind, task, width, height, choices, seed) => {
        const path = join(folder(), kind.name);
        await kind.write(path, width, height, seed);
        const result = await predict(task, path, choices).catch((error: Error) => error);
        if (kind.said === 'refused') {
          expect(result).toBeInstanceOf(ReigniteError);
          expect(result).toMatchObject({
            code: 'IMAGE_UNREADABLE',
            remedy: expect.not.stringContaining('download it again'),
          });
          return;
        }
        if (result instanceof Error) throw result;
        expect([result.width, result.height]).toEqual([width, height]);
        for (const word of kind.said) expect(result.notes.join(' ')).toContain(word);
        await (task === 'he' ? expectTissue : expectCells)(result, width, height);
      },
    ),
    { numRuns: 60 },
  );
});
