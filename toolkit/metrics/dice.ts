import { HE_LABELS, TIL_LABELS, type TissueLabel } from '../dataset/tissue-labels.ts';
import { grouped } from '../format.ts';
import { ConfusionMatrix, groupLabels, withoutTruth } from './confusion-matrix.ts';

/** Overall (micro) Dice and the Dice of every class except Unannotated, unrounded. */
export interface DiceScores {
  readonly overall: number;
  readonly perClass: Readonly<Record<string, number>>;
}

/**
 * Computes the Dice coefficient of every label, 2·TP / (2·TP + FP + FN).
 *
 * @returns A value in [0, 1] for each label; 0 for a label that is neither annotated nor predicted, as in
 *   `dice_per_class` of the authors' evaluation.py.
 * @example dicePerLabel(ConfusionMatrix.fromRows([[8, 2], [0, 10]])) // [0.888..., 0.909...]
 */
export function dicePerLabel(confusion: ConfusionMatrix): number[] {
  return Array.from({ length: confusion.size }, (_, k) => {
    const occurrences = confusion.rowSum(k) + confusion.columnSum(k);
    return occurrences === 0 ? 0 : (2 * confusion.at(k, k)) / occurrences;
  });
}

/**
 * Computes the Dice coefficient over all labels together, 2·ΣTP / (2·ΣTP + ΣFP + ΣFN), like `micro_dice` of
 * evaluation.py.
 *
 * Every false negative of one label is a false positive of another, so this equals trace / total.
 *
 * @returns A value in [0, 1]; 0 for an empty matrix, where the authors' code has 0/0.
 * @example
 * microDice(ConfusionMatrix.fromRows([[5, 1], [2, 7]])); // 0.8
 */
export function microDice(confusion: ConfusionMatrix): number {
  const occurrences = 2 * confusion.total();
  return occurrences === 0 ? 0 : (2 * confusion.trace()) / occurrences;
}

const UNANNOTATED = 0;
const BACKGROUND = 1;
const TIL_GROUPS = HE_LABELS.map((label) => label.til);

/** Merges the 17×17 matrix into the 7 labels of the TIL use case. */
export function tilConfusion(confusion: ConfusionMatrix): ConfusionMatrix {
  expectHeLabels(confusion);
  return groupLabels(confusion, TIL_GROUPS, TIL_LABELS.length);
}

/**
 * Checks that a matrix is one of the 17 labels.
 *
 * @throws RangeError when it has another size.
 */
export function expectHeLabels(confusion: ConfusionMatrix): void {
  if (confusion.size !== HE_LABELS.length) {
    throw new RangeError(`Expected a matrix of the ${HE_LABELS.length} H&E labels, got size ${confusion.size}`);
  }
}

/**
 * Computes Dice without two quirks of the paper: true Background counts like any other class (the paper clears its row
 * and keeps its column), and a tissue pixel predicted as Unannotated is a miss (the paper drops it).
 *
 * Pixels without annotation have no ground truth and are left out.
 *
 * @param confusion - 17 x 17, rows ground truth.
 */
export function correctedDice(confusion: ConfusionMatrix): { readonly all: DiceScores; readonly til: DiceScores } {
  return {
    all: scoresOf(withoutTruth(confusion, UNANNOTATED), HE_LABELS),
    til: scoresOf(withoutTruth(tilConfusion(confusion), UNANNOTATED), TIL_LABELS),
  };
}

/**
 * Computes Dice with one quirk of the paper: Background is treated as in the paper, but a pixel predicted as
 * Unannotated is a miss.
 *
 * @param confusion - Counts of `labels`, of which the first two are Unannotated and Background.
 */
export function diceWithUnannotatedMissed(
  confusion: ConfusionMatrix,
  labels: readonly TissueLabel[] = HE_LABELS,
): DiceScores {
  return scoresOf(withoutTruth(withoutTruth(confusion, UNANNOTATED), BACKGROUND), labels);
}

/**
 * Computes Dice with one quirk of the paper: a pixel predicted as Unannotated is dropped, but true Background counts
 * like any other class.
 */
export function diceWithBackground(confusion: ConfusionMatrix): DiceScores {
  return scoresOf(withoutPredicted(withoutTruth(confusion, UNANNOTATED), UNANNOTATED), HE_LABELS);
}

function withoutPredicted(confusion: ConfusionMatrix, label: number): ConfusionMatrix {
  const rows = confusion.toRows();
  return ConfusionMatrix.fromRows(
    rows.map((row) => row.map((count, prediction) => (prediction === label ? 0 : count))),
  );
}

function scoresOf(scored: ConfusionMatrix, labels: readonly TissueLabel[]): DiceScores {
  const dice = dicePerLabel(scored);
  const named = labels.slice(1).map(({ name, value }) => [name, dice[value] ?? 0]);
  return { overall: microDice(scored), perClass: Object.fromEntries(named) };
}

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
