import { HE_LABELS, TIL_LABELS } from '../dataset/he-labels.ts';
import { grouped } from '../format.ts';
import { ConfusionMatrix } from './confusion-matrix.ts';
import { diceWithUnannotatedMissed } from './dice.ts';
import { type DiceScores, tilConfusion } from './he-metrics.ts';

const UNANNOTATED = 0;
/** From this share of the annotated pixels on, the paper's Dice is not to be read alone. */
const WORTH_A_WARNING = 0.001;

/**
 * How many annotated pixels a prediction leaves out, as Unannotated or as a value that is not a label, and Dice when they
 * count as missed. The paper's Dice drops them, so that leaving out what is difficult raises it.
 */
export interface WithoutPrediction {
  /** Pixels whose truth is one of the labels but Unannotated. */
  readonly annotated: number;
  /** Of these, the ones without a prediction. */
  readonly pixels: number;
  /** 0 to 1; 0 where nothing is annotated. */
  readonly share: number;
  /** Dice with them as missed, of all classes and of the TIL use case. */
  readonly all: DiceScores;
  readonly til: DiceScores;
}

/**
 * How many pixels of a mask have each label.
 *
 * @returns One count per label, by value; values that are not a label are not counted.
 */
export function labelCounts(mask: Uint8Array): readonly number[] {
  const counts = new Float64Array(256);
  for (const value of mask) counts[value] = (counts[value] ?? 0) + 1;
  return [...counts.subarray(0, HE_LABELS.length)];
}

/**
 * The matrix with the pixels that it leaves out, since they were predicted as no label, counted as Unannotated.
 *
 * @param confusion - 17 x 17, rows truth.
 * @param truth - Pixels of every label in the annotation.
 */
export function withStrayPredictions(confusion: ConfusionMatrix, truth: readonly number[]): ConfusionMatrix {
  const strayOf = (label: number) => Math.max(0, (truth[label] ?? 0) - confusion.rowSum(label));
  return ConfusionMatrix.generate(confusion.size, (label, predicted) => {
    return confusion.at(label, predicted) + (predicted === UNANNOTATED ? strayOf(label) : 0);
  });
}

/** @param confusion - 17 x 17, rows truth; predictions that are not a label counted as Unannotated. */
export function withoutPrediction(confusion: ConfusionMatrix): WithoutPrediction {
  let [annotated, pixels] = [0, 0];
  for (let label = UNANNOTATED + 1; label < confusion.size; label++) {
    annotated += confusion.rowSum(label);
    pixels += confusion.at(label, UNANNOTATED);
  }
  return {
    annotated,
    pixels,
    share: annotated === 0 ? 0 : pixels / annotated,
    all: diceWithUnannotatedMissed(confusion),
    til: diceWithUnannotatedMissed(tilConfusion(confusion), TIL_LABELS),
  };
}

/** What happens to pixels without a prediction in the number that is shown. */
const TAKEN = {
  'left out': "The paper's Dice leaves them out, which rewards leaving difficult pixels out.",
  other: 'They count as "other".',
} as const;

/**
 * The share and the number as a sentence, which begins with "WARNING: " above 0.1 %.
 *
 * @param whose - Such as "The masks".
 * @param overall - As it is shown, and with these pixels as missed.
 * @param taken - What happens to these pixels in the number that is shown.
 */
export function describeWithoutPrediction(
  whose: string,
  { annotated, pixels, share }: Pick<WithoutPrediction, 'annotated' | 'pixels' | 'share'>,
  overall: { readonly shown: number; readonly missed: number },
  taken: keyof typeof TAKEN = 'left out',
): string {
  const left =
    `${whose} have no prediction for ${grouped(pixels)} of ${grouped(annotated)} annotated pixels (${percent(share)}): Unannotated, or a ` +
    `value that is not a label.`;
  const counted = `If they count as missed, the overall Dice is ${overall.missed.toFixed(4)} instead of ${overall.shown.toFixed(4)}.`;
  return share > WORTH_A_WARNING ? `WARNING: ${left} ${TAKEN[taken]} ${counted}` : `${left} ${counted}`;
}

function percent(share: number): string {
  if (share === 0) return '0 %';
  return share < 0.0001 ? 'less than 0.01 %' : `${(100 * share).toFixed(2)} %`;
}
