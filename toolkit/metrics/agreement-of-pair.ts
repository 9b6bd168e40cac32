import type { CellPoint } from '../dataset/cell-point.ts';
import { ConfusionMatrix } from './confusion-matrix.ts';
import type { MatchOptions, PredictedPoints } from './match-points.ts';

/** What two sides of a pair have on one image. */
export interface PairImage {
  readonly roi: string;
  readonly truth: readonly CellPoint[];
  /** Undefined where the second reader did not annotate the image. */
  readonly prediction: PredictedPoints | undefined;
}

export interface PairAgreement {
  /** Stems of the images that count, with the confusion of each. */
  readonly images: readonly { readonly roi: string; readonly confusion: ConfusionMatrix }[];
  /** Their sum; undefined without images. */
  readonly total: ConfusionMatrix | undefined;
  /** Stems of images that only the first reader annotated. */
  readonly leftOut: readonly string[];
}

/** Counts a pair over the images that its first reader annotated, without those that the second lacks. */
export function agreementOfPair(images: readonly PairImage[], classes: number, options: MatchOptions): PairAgreement {
  const counted: { roi: string; confusion: ConfusionMatrix }[] = [];
  const leftOut: string[] = [];
  for (const { roi, truth, prediction } of images) {
    if (prediction === undefined) leftOut.push(roi);
    else counted.push({ roi, confusion: prediction.confusion(truth, classes, options) });
  }
  const sum = counted.reduce((total, { confusion }) => total.plus(confusion), ConfusionMatrix.zeros(classes + 1));
  return { images: counted, total: counted.length === 0 ? undefined : sum, leftOut };
}
