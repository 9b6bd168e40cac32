import type { FoldNetworks } from '../../../../toolkit/nnunet/networks/ort-fold-networks.ts';
import { gaussianWeights, tileStarts } from '../../../../toolkit/nnunet/sliding-window/tile-grid.ts';

/** Labels and confidences of an image. */
export interface Segmentation {
  readonly labels: Uint8Array;
  readonly confidences: Uint16Array;
}

/**
 * nnU-Net v1's sliding window as its authors wrote it: everything in memory, whole-image sums per fold, then the mean.
 * The slow and obvious way, to compare with.
 */
export async function segmentWholeImage(
  rgb: Uint8Array,
  width: number,
  height: number,
  networks: FoldNetworks,
): Promise<Segmentation> {
  const { patch, classes, folds } = networks;
  const paddedWidth = Math.max(width, patch.width);
  const paddedHeight = Math.max(height, patch.height);
  const dx = Math.floor((paddedWidth - width) / 2);
  const dy = Math.floor((paddedHeight - height) / 2);
  const plane = paddedWidth * paddedHeight;
  const padded = new Float32Array(3 * plane);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        padded[c * plane + (y + dy) * paddedWidth + x + dx] = (rgb[(y * width + x) * 3 + c] ?? 0) / 255;
      }
    }
  }
  const rows = tileStarts(paddedHeight, patch.height);
  const columns = tileStarts(paddedWidth, patch.width);
  const isSingle = rows.length * columns.length === 1;
  const weights = isSingle
    ? new Float32Array(patch.height * patch.width).fill(1)
    : gaussianWeights(patch.height, patch.width);

  const mean = new Float32Array(plane * classes);
  for (let fold = 0; fold < folds; fold++) {
    const sums = new Float32Array(plane * classes);
    const counts = new Float32Array(plane);
    for (const top of rows) {
      for (const left of columns) {
        const input = new Float32Array(3 * patch.height * patch.width);
        const softmax = new Float32Array(patch.height * patch.width * classes);
        const pixels = Array.from({ length: patch.height * patch.width }, (_, at) => ({
          at,
          of: (top + Math.floor(at / patch.width)) * paddedWidth + left + (at % patch.width),
        }));
        for (const { at, of } of pixels) {
          for (let c = 0; c < 3; c++) input[c * patch.height * patch.width + at] = padded[c * plane + of] ?? 0;
        }
        await networks.run(fold, input, softmax);
        for (const { at, of } of pixels) {
          const weight = weights[at] ?? 0;
          for (let c = 0; c < classes; c++) {
            const product = Math.fround((softmax[at * classes + c] ?? 0) * weight);
            sums[of * classes + c] = Math.fround((sums[of * classes + c] ?? 0) + product);
          }
          counts[of] = Math.fround((counts[of] ?? 0) + weight);
        }
      }
    }
    sums.forEach((sum, at) => {
      const probability = Math.fround(sum / (counts[Math.floor(at / classes)] ?? 0));
      mean[at] = fold === 0 ? probability : Math.fround((mean[at] ?? 0) + probability);
    });
  }

  const labels = new Uint8Array(width * height);
  const confidences = new Uint16Array(width * height);
  for (let at = 0; at < labels.length; at++) {
    const of = (Math.floor(at / width) + dy) * paddedWidth + (at % width) + dx;
    const values = Array.from({ length: classes }, (_, c) => Math.fround((mean[of * classes + c] ?? 0) / folds));
    const [best = 0, second = 0] = values.toSorted((a, b) => b - a);
    labels[at] = values.indexOf(best);
    confidences[at] = Math.round((best - second) * 65535);
  }
  return { labels, confidences };
}
