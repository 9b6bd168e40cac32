import { nearestName } from '../../config/wrong-values.ts';
import { HE_LABELS, type TissueLabel } from '../dataset/tissue-labels.ts';
import { ReigniteError } from '../errors.ts';
import { type AgreementScores, agreementScores } from './agreement.ts';
import { ConfusionMatrix, groupLabels } from './confusion-matrix.ts';
import { type DiceScores, diceWithUnannotatedMissed } from './dice.ts';
import { diceScores } from './he-metrics.ts';

/** Name of the class that merges all classes that were not requested. */
const OTHER = 'other';

/** Unannotated and Background keep their label values, as in the paper's TIL use case. */
const KEPT = 2;
const UNANNOTATED = 0;

/** Some of the classes of a task; all others are merged into one. */
export interface ClassSubset {
  /** The requested classes, and `other` if the task has more. */
  readonly names: readonly string[];
  /** The labels that `other` covers. */
  readonly merged: readonly string[];
  /** For every label or class of the task, its index in the smaller matrix. */
  readonly groups: readonly number[];
}

/**
 * Selects labels of tissue.
 *
 * @param values - Labels, 2 to 16, in the requested order.
 */
export function tissueSubset(values: readonly number[]): ClassSubset {
  const names = HE_LABELS.map(({ name }) => name);
  const kept = Array.from({ length: KEPT }, (_, label) => label);
  return subsetOf(names, kept, values);
}

/**
 * Selects classes of cells.
 *
 * @param classes - Indices into `names`, in the requested order.
 */
export function cellSubset(names: readonly string[], classes: readonly number[]): ClassSubset {
  return subsetOf(names, [], classes);
}

function subsetOf(names: readonly string[], kept: readonly number[], requested: readonly number[]): ClassSubset {
  const order = [...kept, ...requested];
  const merged = names.filter((_, k) => !order.includes(k));
  const groups = names.map((_, k) => (order.includes(k) ? order.indexOf(k) : order.length));
  const requestedNames = requested.map((k) => names[k] ?? '');
  return { names: merged.length === 0 ? requestedNames : [...requestedNames, OTHER], merged, groups };
}

/** The classes of a task that can be scored separately. */
export interface ScoredClasses {
  /** All classes that the paper's protocol scores. */
  readonly names: readonly string[];
  /** Returns the index of the class with a name, ignoring case; undefined if there is none. */
  placeOf(word: string): number | undefined;
  /** Returns the name of a class, given its index. */
  nameOf(place: number): string | undefined;
  /** Selects the classes with these indices and merges all others. */
  subset(places: readonly number[]): ClassSubset;
}

/**
 * Parses the class names of `--classes`, separated by commas, ignoring case.
 *
 * @throws ReigniteError USAGE naming a word that is not a class of the task, and the class that was probably meant.
 */
export function classesAsked(task: string, classes: ScoredClasses, text: string): ClassSubset {
  const words = [...new Set(text.split(',').map((word) => word.trim()))].filter((word) => word !== '');
  if (words.length === 0) throw new ReigniteError('USAGE', '--classes names no class.');
  return classes.subset([...new Set(words.map((word) => placeOf(word, task, classes)))]);
}

function placeOf(word: string, task: string, { names, ...classes }: ScoredClasses): number {
  const known = classes.placeOf(word);
  if (known !== undefined && names.includes(classes.nameOf(known) ?? '')) return known;
  const near = known === undefined ? nearestName(word, names) : undefined;
  const cause =
    known === undefined
      ? `"${word}" is not a class of the task ${task}`
      : `"${word}" is not scored by the paper's protocol`;
  throw new ReigniteError('USAGE', `${cause}.${near === undefined ? '' : ` Did you mean "${near}"?`}`, {
    remedy: `The classes are: ${names.join(', ')}.`,
  });
}

/** Describes which classes are scored, and what the others count as. */
export function describeSubset({ names, merged }: ClassSubset): string {
  if (merged.length === 0) return `Scored: ${names.join(', ')}, all classes of the task.`;
  return (
    `Scored: ${names.join(', ')}. In ground truth and prediction, "other" means ${merged.join(', ')}. ` +
    'Figures of all classes are not drawn.'
  );
}

/** Dice of some classes, with pixels without a prediction counted as `other` (`dice`) or as missed (`missed`). */
export interface SubsetDice {
  readonly dice: DiceScores;
  readonly missed: DiceScores;
  /** Labels are Unannotated, Background and the classes; rows are ground truth. */
  readonly confusion: ConfusionMatrix;
}

/**
 * Computes the Dice of some classes of tissue under the paper's protocol. A class scores as it does among all classes.
 * Pixels without a prediction (Unannotated, or a value that is not a label) count as predicted `other`.
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

/** Removes Background, which has no Dice since its ground truth is cleared. */
function tissueOnly({ overall, perClass }: DiceScores): DiceScores {
  const { Background: _, ...tissue } = perClass;
  return { overall, perClass: tissue };
}

/**
 * Computes the agreement on some classes of cells. Matching uses only positions, so that classes can be merged
 * afterwards.
 *
 * @param confusion - Classes of the task, with a last row for false positives and a last column for misses.
 */
export function subsetAgreement(
  confusion: ConfusionMatrix,
  { names, groups }: ClassSubset,
): { readonly scores: AgreementScores; readonly confusion: ConfusionMatrix } {
  const grouped = groupLabels(confusion, [...groups, names.length], names.length + 1);
  return { scores: agreementScores(grouped), confusion: grouped };
}
