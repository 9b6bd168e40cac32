import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { CellTask } from '../../config/tasks.ts';
import { detectorFile, folderOf, readersFile } from '../../toolkit/dataset/layout.ts';
import { cellDefinition } from '../../toolkit/tasks/registry.ts';
import { noise } from './noise.ts';

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
