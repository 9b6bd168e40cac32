import { HE_LABELS, TIL_LABELS } from '../dataset/tissue-labels.ts';
import { grouped } from '../format.ts';
import { ConfusionMatrix } from './confusion-matrix.ts';
import { diceWithUnannotatedMissed } from './dice.ts';
import { type DiceScores, tilConfusion } from './he-metrics.ts';

const UNANNOTATED = 0;
/** Share of the annotated pixels above which the paper's Dice gets a warning. */
const WORTH_A_WARNING = 0.001;

/**
 * How many annotated pixels have no prediction (Unannotated, or a value that is not a label), and Dice if they count as
 * missed. The paper's Dice drops them, so that a mask without the difficult pixels scores higher.
 */
export interface WithoutPrediction {
  /** Pixels whose ground truth is a label other than Unannotated. */
  readonly annotated: number;
  /** Of these, the ones without a prediction. */
  readonly pixels: number;
  /** 0 to 1; 0 if nothing is annotated. */
  readonly share: number;
  /** Dice with these pixels as missed, for all classes and for the TIL use case. */
  readonly all: DiceScores;
  readonly til: DiceScores;
}

/**
 * Counts the pixels of a mask by label.
 *
 * @returns One count per label, by value; values that are not a label are not counted.
 */
export function labelCounts(mask: Uint8Array): readonly number[] {
  const counts = new Float64Array(256);
  for (const value of mask) counts[value] = (counts[value] ?? 0) + 1;
  return [...counts.subarray(0, HE_LABELS.length)];
}

/**
 * Adds pixels to the matrix that it does not count because their predicted value is not a label: they count as
 * Unannotated.
 *
 * @param confusion - 17 x 17, rows ground truth.
 * @param truth - Number of pixels of every label in the annotation.
 */
export function withStrayPredictions(confusion: ConfusionMatrix, truth: readonly number[]): ConfusionMatrix {
  const strayOf = (label: number) => Math.max(0, (truth[label] ?? 0) - confusion.rowSum(label));
  return ConfusionMatrix.generate(confusion.size, (label, predicted) => {
    return confusion.at(label, predicted) + (predicted === UNANNOTATED ? strayOf(label) : 0);
  });
}

/**
 * Counts the annotated pixels without a prediction, and computes Dice with these as missed.
 *
 * @param confusion - 17 x 17, rows ground truth; predictions that are not a label count as Unannotated.
 */
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

/** How the displayed Dice treats pixels without a prediction. */
const TAKEN = {
  'left out': "The paper's Dice leaves them out, which rewards leaving difficult pixels out.",
  other: 'They count as "other".',
} as const;

/**
 * Formats the share and the Dice as a sentence, which starts with "WARNING: " above 0.1 %.
 *
 * @param whose - Subject of the sentence, such as "The masks".
 * @param overall - Overall Dice as displayed, and with these pixels as missed.
 * @param taken - How the displayed Dice treats these pixels.
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
  return share < 0.0001 ? 'less than 0.01 %' : `${(100 * share).toFixed(2)} %`;
}
