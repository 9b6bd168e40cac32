import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { tissueModelFolder } from '../../toolkit/dataset/layout.ts';
import { noise } from './noise.ts';
import { writeTinyCells } from './tiny-cells.ts';
import { zipRecord } from './zip-record.ts';

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
