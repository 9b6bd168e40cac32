import { HE_LABELS, TIL_LABELS, type TissueLabel } from '../dataset/he-labels.ts';
import type { ConfusionMatrix } from './confusion-matrix.ts';
import { confusionOf, type DiceScores, type HeMetrics, tilConfusion } from './he-metrics.ts';

/** Dice as people read it: null for what the ground truth does not have, where `metrics/he.json` holds 0. */
export interface PresentDice {
  readonly overall: number | null;
  readonly perClass: Readonly<Record<string, number | null>>;
}

/** The first two labels, Unannotated and Background, have no Dice. */
const FIRST_TISSUE = 2;

/** The Dice of `metrics/he.json`, of all classes and of the TIL use case, without Background. */
export function presentDice(metrics: HeMetrics): { readonly all: PresentDice; readonly til: PresentDice } {
  const confusion = confusionOf(metrics);
  return {
    all: presentOf(metrics.all, confusion, HE_LABELS),
    til: presentOf(metrics.til, tilConfusion(confusion), TIL_LABELS),
  };
}

function presentOf(
  { overall, perClass }: DiceScores,
  confusion: ConfusionMatrix,
  labels: readonly TissueLabel[],
): PresentDice {
  const tissue = labels.slice(FIRST_TISSUE);
  const isPresent = ({ value }: TissueLabel) => confusion.rowSum(value) > 0;
  return {
    overall: tissue.some(isPresent) ? overall : null,
    perClass: Object.fromEntries(
      tissue.map((label) => [label.name, isPresent(label) ? (perClass[label.name] ?? null) : null]),
    ),
  };
}
