import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { ZipFile } from 'yazl';
import type { CellTask } from '../../config/tasks.ts';
import { detectorFile, folderOf, readersFile, tissueModelFolder } from '../../toolkit/dataset/layout.ts';
import { cellDefinition } from '../../toolkit/tasks/registry.ts';
import { noise } from './random-numbers.ts';

const MODEL = fileURLToPath(new URL('../fixtures/nnunet/plain', import.meta.url));

export interface TinyRoi {
  readonly name: string;
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
}

const USUAL: readonly TinyRoi[] = [
  { name: 'patient1_he_roi1', width: 90, height: 70 },
  { name: 'patient1_he_roi2', width: 30, height: 41 },
  { name: 'patient2_he_roi1', width: 64, height: 49 },
];

/**
 * Writes a record in the original layout, small enough for a test: noise as images, squares as annotations, and an
 * nnU-Net of patch 32 with random weights whose two folds alternate; also the detection tasks.
 *
 * @param spoil - Changes the unpacked record before it is zipped.
 * @returns `unpacked`: like a data folder; `served`: the files of the record.
 */
export async function writeTinyRecord(
  folder: string,
  rois: readonly TinyRoi[] = USUAL,
  spoil: (unpacked: string) => Promise<void> = async () => undefined,
) {
  const unpacked = join(folder, 'unpacked');
  const served = join(folder, 'served');
  for (const [index, roi] of rois.entries()) await writeRoi(unpacked, roi, index);
  for (let fold = 0; fold < 5; fold++) {
    for (const name of ['model_best.model', 'model_best.model.pkl']) {
      const target = join(unpacked, tissueModelFolder('he'), `fold_${fold}`, name);
      await mkdir(dirname(target), { recursive: true });
      await copyFile(join(MODEL, `fold_${fold % 2}`, name), target);
    }
  }
  await mkdir(join(unpacked, 'inference', 'he'), { recursive: true });
  await mkdir(join(unpacked, 'figures', 'he'), { recursive: true });
  await writeFile(join(unpacked, 'inference', 'he', 'README'), 'nothing is published of this record\n');
  await writeFile(join(unpacked, 'figures', 'he', 'README'), 'nothing is published of this record\n');
  for (const task of ['nuclei', 'pdl1'] as const) await writeTinyCells(unpacked, task);
  await writeFile(join(unpacked, 'data_overview.csv'), overviewOf(rois));
  await writeFile(join(unpacked, 'he_label_map.json'), JSON.stringify({ Unannotated: 0, Background: 1 }));
  await spoil(unpacked);
  await zipRecord(unpacked, served);
  return { unpacked, served };
}

/** Returns a profile for it, with short waits. */
export function tinyProfile(served: string): string {
  return [
    'name: tiny',
    'record: "42"',
    `zenodo: { serveFrom: ${served} }`,
    'inference: { provider: cpu, threads: 1 }',
    'temporal: { heartbeatSeconds: 4, heartbeatThrottleSeconds: 0.5, retrySeconds: 0.2 }',
  ].join('\n');
}

function overviewOf(rois: readonly TinyRoi[]): string {
  const rows = rois.map(
    ({ name }) =>
      `he_tissue_segmentation,../../data/images/he/${name}.png,../../data/annotations/he/${name}.png,test,${name.split('_')[0]}`,
  );
  return ['task,image_path,annotation_path,split,patient_id', ...rows, ''].join('\n');
}

async function writeRoi(root: string, { name, width, height }: TinyRoi, seed: number): Promise<void> {
  const image = join(root, 'images', 'he', `${name}_with_context.png`);
  const mask = join(root, 'annotations', 'he', `${name}_with_context.png`);
  await mkdir(dirname(image), { recursive: true });
  await mkdir(dirname(mask), { recursive: true });
  await sharp(noise(width * height * 3, seed + 1), { raw: { width, height, channels: 3 } })
    .png()
    .toFile(image);
  const labels = Uint8Array.from({ length: width * height }, (_, at) =>
    labelAt(at % width, Math.floor(at / width), width, height),
  );
  await sharp(labels, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toFile(mask);
}

/** Returns a border of Unannotated, and inside it squares of the labels 1 to 4. */
function labelAt(x: number, y: number, width: number, height: number): number {
  const isBorder = x < 5 || y < 5 || x >= width - 5 || y >= height - 5;
  return isBorder ? 0 : 1 + ((Math.floor(x / 8) + Math.floor(y / 8)) % 4);
}

const FIXTURES = fileURLToPath(new URL('../fixtures/yolov5', import.meta.url));
/** Untrained detectors with the task's number of classes. */
const CHECKPOINTS: Readonly<Record<CellTask, string>> = { nuclei: 'v5.pt', pdl1: 'v3.pt' };
const WIDTH = 560;
const HEIGHT = 200;

/**
 * Writes the detection part of a tiny record: two noise images whose sides are not multiples of the tile, readers who
 * mark the same places one pixel apart, and an untrained detector.
 */
export async function writeTinyCells(root: string, task: CellTask): Promise<void> {
  const stems = [`${task}_roi_1`, `${task}_roi_2`];
  for (const [index, stem] of stems.entries()) await writeImage(root, task, stem, index);
  const detector = join(root, detectorFile(task));
  await mkdir(dirname(detector), { recursive: true });
  await copyFile(join(FIXTURES, CHECKPOINTS[task]), detector);
  const annotations = join(root, readersFile(task));
  await mkdir(dirname(annotations), { recursive: true });
  await writeFile(annotations, JSON.stringify(cocoOf(task, stems)));
}

async function writeImage(root: string, task: CellTask, stem: string, seed: number): Promise<void> {
  const path = join(root, folderOf('images', task), `${stem}.png`);
  await mkdir(dirname(path), { recursive: true });
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
  await sharp(noise(WIDTH * HEIGHT * 3, 100 + seed), { raw })
    .png()
    .toFile(path);
}

function cocoOf(task: CellTask, stems: readonly string[]) {
  const readers = cellDefinition(task).groups.flatMap((group) => [...group.readers]);
  const classes = task === 'nuclei' ? 1 : 3;
  const categories = readers.flatMap((supercategory, reader) =>
    Array.from({ length: classes }, (_, k) => ({ id: reader * classes + k + 1, name: `class ${k}`, supercategory })),
  );
  const marks = readers.flatMap((_, reader) =>
    stems.flatMap((_stem, image) =>
      Array.from({ length: 6 }, (_mark, k) => ({
        image_id: image,
        category_id: reader * classes + (k % classes) + 1,
        bbox: [40 + 80 * k + reader, 60 + 10 * k, 10, 10],
      })),
    ),
  );
  return {
    images: stems.map((stem, id) => ({
      id,
      file_name: `${stem}.png`,
      annotated_xyxy: [20, 20, WIDTH - 20, HEIGHT - 20],
    })),
    annotations: marks.map((mark, id) => ({ id, ...mark })),
    categories,
  };
}

const ROOTS = ['images', 'annotations', 'models', 'inference', 'figures'];

/**
 * Makes the files of a record from its unpacked layout: one zip per folder (with that folder at the zip's root, as
 * published) and copies of the plain files. The source is only read.
 */
export async function zipRecord(source: string, out: string, { compress = false } = {}): Promise<void> {
  await mkdir(out, { recursive: true });
  for (const entry of await readdir(source, { withFileTypes: true })) {
    if (entry.isFile()) await copyFile(join(source, entry.name), join(out, entry.name));
    if (entry.isDirectory() && ROOTS.includes(entry.name)) await zipFolder(source, entry.name, out, compress);
  }
}

async function zipFolder(source: string, root: string, out: string, compress: boolean): Promise<void> {
  const zip = new ZipFile();
  const entries = await readdir(join(source, root), { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) {
    const name = file.slice(source.length + 1).replaceAll('\\', '/');
    // A fixed date makes the same zip, and the same MD5, every time.
    zip.addFile(file, name, { compress, mtime: new Date(Date.UTC(2025, 5, 1)), mode: 0o100644 });
  }
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(join(out, `${root}.zip`)));
}
