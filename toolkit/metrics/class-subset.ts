import { HE_LABELS, type TissueLabel } from '../dataset/he-labels.ts';
import { type AgreementScores, agreementScores } from './agreement-metrics.ts';
import { ConfusionMatrix, groupLabels } from './confusion-matrix.ts';
import { diceWithUnannotatedMissed } from './dice.ts';
import { type DiceScores, diceScores } from './he-metrics.ts';

/** How the classes that were not asked for are called together. */
const OTHER = 'other';

/** Unannotated and Background keep their places, as in the paper's own use case of fewer classes. */
const KEPT = 2;
const UNANNOTATED = 0;

/** Some of the classes of a task; all others count as one. */
export interface ClassSubset {
  /** Those asked for, and `other` where there are more. */
  readonly names: readonly string[];
  /** The labels that `other` covers. */
  readonly merged: readonly string[];
  /** For every label or class of the task, its place in the smaller matrix. */
  readonly groups: readonly number[];
}

/** @param values - Labels of tissue, from 2 on, in the order asked for. */
export function tissueSubset(values: readonly number[]): ClassSubset {
  const names = HE_LABELS.map(({ name }) => name);
  const kept = Array.from({ length: KEPT }, (_, label) => label);
  return subsetOf(names, kept, values);
}

/** @param classes - Of cells, in the order asked for. */
export function cellSubset(names: readonly string[], classes: readonly number[]): ClassSubset {
  return subsetOf(names, [], classes);
}

function subsetOf(names: readonly string[], kept: readonly number[], asked: readonly number[]): ClassSubset {
  const places = [...kept, ...asked];
  const merged = names.filter((_, k) => !places.includes(k));
  const groups = names.map((_, k) => (places.includes(k) ? places.indexOf(k) : places.length));
  const named = asked.map((k) => names[k] ?? '');
  return { names: merged.length === 0 ? named : [...named, OTHER], merged, groups };
}

/** Dice of some classes; with what is predicted as nothing as `other`, and as missed. */
export interface SubsetDice {
  readonly dice: DiceScores;
  readonly missed: DiceScores;
  /** Unannotated, Background, the classes: rows truth. */
  readonly confusion: ConfusionMatrix;
}

/**
 * Dice under the paper's protocol of some classes of tissue. A class scores as among all classes; what a mask leaves
 * out, as Unannotated or as a value that is not a label, is a prediction of `other`.
 *
 * @param confusion - 17 x 17; predictions that are not a label counted as Unannotated.
 */
export function subsetDice(confusion: ConfusionMatrix, { names, merged, groups }: ClassSubset): SubsetDice {
  const labels = ['Unannotated', 'Background', ...names].map((name, value): TissueLabel => {
    return { name, value, colour: [0, 0, 0] };
  });
  const grouped = groupLabels(confusion, groups, labels.length);
  const other = merged.length === 0 ? UNANNOTATED : labels.length - 1;
  const filled = ConfusionMatrix.generate(grouped.size, (truth, prediction) => {
    const [count, left] = [grouped.at(truth, prediction), grouped.at(truth, UNANNOTATED)];
    if (other === UNANNOTATED || truth === UNANNOTATED) return count;
    if (prediction === UNANNOTATED) return 0;
    return prediction === other ? count + left : count;
  });
  return {
    dice: tissueOnly(diceScores(filled, labels)),
    missed: tissueOnly(diceWithUnannotatedMissed(grouped, labels)),
    confusion: filled,
  };
}

/** Background has no Dice: its truth is cleared. */
function tissueOnly({ overall, perClass }: DiceScores): DiceScores {
  const { Background: _, ...tissue } = perClass;
  return { overall, perClass: tissue };
}

/**
 * Agreement on some classes of cells. Cells are matched by their places alone, so that classes can be merged afterwards.
 *
 * @param confusion - Classes of the task, and a last row and column for false alarms and misses.
 */
export function subsetAgreement(
  confusion: ConfusionMatrix,
  { names, groups }: ClassSubset,
): { readonly scores: AgreementScores; readonly confusion: ConfusionMatrix } {
  const grouped = groupLabels(confusion, [...groups, names.length], names.length + 1);
  return { scores: agreementScores(grouped), confusion: grouped };
}
