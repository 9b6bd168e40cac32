import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeLabels } from '../../../../toolkit/image/decode-labels.ts';
import { prepareTissueModel } from '../../../../toolkit/models/tissue-model.ts';
import { readModelCard } from '../../../../toolkit/nnunet/model-card.ts';
import { OrtFoldNetworks } from '../../../../toolkit/nnunet/networks/ort-fold-networks.ts';
import type { RoiSegmenter } from '../../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { accumulateTile } from '../../../../toolkit/nnunet/sliding-window/tile-band.ts';
import { fillTileInput } from '../../../../toolkit/nnunet/sliding-window/tile-input.ts';
import { readTiledRoi } from '../../../../toolkit/nnunet/sliding-window/tiled-roi.ts';
import { readNpy } from '../../../../toolkit/numpy.ts';

/** One image of a model of the oracle. */
export interface OracleCase {
  /** Folder of the oracle: `models`, `images`, `expected`. */
  readonly root: string;
  /** Name below `expected`. */
  readonly model: string;
  /** `odd`, `small_mirror` and the like. */
  readonly image: string;
}

/** How far a prediction is from nnU-Net's own. */
export interface OracleFindings {
  readonly pixels: number;
  /** Pixels that differ from the mask that nnU-Net wrote, with sums in half precision. */
  readonly fromMask: number;
  /** Pixels that differ from nnU-Net with sums in float32. */
  readonly fromFloat32: number;
  /** Largest difference of logits from nnU-Net with sums in float32, where the oracle has them. */
  readonly logits: number | undefined;
}

/** Predicts an image as `reignite predict` does and compares it with what nnU-Net made of it. */
export async function compareWithOracle(
  { root, model, image }: OracleCase,
  work: string,
  segmenter: RoiSegmenter,
): Promise<OracleFindings> {
  const expected = join(root, 'expected', model);
  const capture = JSON.parse(await readFile(join(expected, 'capture.json'), 'utf8'));
  const { mirroring, image: file, logits_crop_y_x_size_in_preprocessed: place } = capture.images[image];
  const prepared = await prepareTissueModel(join(root, capture.model), join(work, 'models'), {
    folds: capture.folds,
    mirroring,
  });
  const made = join(work, `${model}-${image}`);
  await mkdir(made, { recursive: true });
  const mask = join(made, 'mask.png');
  await segmenter.segment({
    modelDir: prepared.modelDir,
    image: join(root, file),
    partialDir: join(made, 'partial'),
    mask,
    confidence: join(made, 'margin.png'),
    scope: 'full',
  });
  const ours = await decodeLabels(mask);
  const theirs = await decodeLabels(join(expected, `${image}.png`));
  const exact = await withSumsInFloat32(expected, image);
  return {
    pixels: exact.length,
    fromMask: differences(ours.data, theirs.data),
    fromFloat32: differences(ours.data, exact),
    logits: await logitsDifference(prepared.modelDir, join(root, file), join(expected, image), place),
  };
}

/** The mask of nnU-Net with sums in float32: the one that it wrote, with the pixels that are listed next to it. */
export async function withSumsInFloat32(folder: string, image: string): Promise<Uint8Array> {
  const { data, width } = await decodeLabels(join(folder, `${image}.png`));
  const exact = Uint8Array.from(data);
  for (const [y, x, , value] of await differingPixels(join(folder, `${image}.float32.json`))) {
    exact[y * width + x] = value;
  }
  return exact;
}

/** Largest difference of a crop of the logits, where the oracle has one. */
async function logitsDifference(
  modelDir: string,
  image: string,
  expected: string,
  place: readonly [number, number, number] | undefined,
): Promise<number | undefined> {
  if (place === undefined) return undefined;
  const [ours, theirs] = [await meanLogits(modelDir, image, place), await readNpy(`${expected}.logits_float32.npy`)];
  if (theirs.dtype !== 'float32' || theirs.data.length !== ours.length) throw new RangeError('Expected a crop as ours');
  return theirs.data.reduce((most, value, at) => Math.max(most, Math.abs(value - (ours[at] ?? Number.NaN))), 0);
}

function differences(one: Uint8Array, other: Uint8Array): number {
  return one.reduce((count, value, at) => count + (value === other[at] ? 0 : 1), 0);
}

async function differingPixels(file: string): Promise<readonly (readonly [number, number, number, number])[]> {
  const text = await readFile(file, 'utf8').catch(() => '[]');
  return JSON.parse(text);
}

/** A crop of the logits averaged over tiles and folds, classes x rows x columns, all of the image in memory. */
async function meanLogits(modelDir: string, image: string, [top, left, size]: readonly [number, number, number]) {
  const networks = new OrtFoldNetworks(modelDir, await readModelCard(modelDir), { provider: 'cpu', threads: 1 });
  const { roi } = await readTiledRoi({ image, scope: 'full' }, networks);
  const { grid, pixels, values } = roi;
  const { classes, folds, patch, method } = networks;
  const plane = patch.height * patch.width;
  const [input, output] = [new Float32Array(method.normalisation.length * plane), new Float32Array(classes * plane)];
  const total = new Float32Array(grid.padded.height * grid.padded.width * classes);
  for (let fold = 0; fold < folds; fold++) {
    const sum = new Float32Array(total.length);
    const weights = new Float32Array(grid.padded.height * grid.padded.width);
    for (const y of grid.rows) {
      for (const x of grid.columns) {
        fillTileInput(pixels, values, grid, y, x, input);
        await networks.run(fold, input, output);
        const row = y * grid.padded.width;
        accumulateTile(sum.subarray(row * classes), grid, classes, x, output);
        accumulateTile(weights.subarray(row), grid, 1, x, new Float32Array(plane).fill(1));
      }
    }
    for (let at = 0; at < total.length; at++) {
      total[at] = (total[at] ?? 0) + (sum[at] ?? 0) / (weights[Math.floor(at / classes)] ?? 1) / folds;
    }
  }
  await networks.release();
  const crop: number[] = [];
  for (let c = 0; c < classes; c++) {
    for (let y = top; y < Math.min(top + size, grid.image.height); y++) {
      for (let x = left; x < Math.min(left + size, grid.image.width); x++) {
        const pixel = (y + grid.offset.y) * grid.padded.width + x + grid.offset.x;
        crop.push(total[pixel * classes + c] ?? 0);
      }
    }
  }
  return crop;
}
