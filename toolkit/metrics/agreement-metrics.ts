import { z } from 'zod';
import { CELL_TASKS } from '../../config/tasks.ts';
import { cellDefinition } from '../tasks/registry.ts';
import type { ConfusionMatrix } from './confusion-matrix.ts';

const Share = z.number().min(0).max(1);
const Scores = z.array(z.array(Share.nullable()));
const Counts = z.array(z.array(z.int().min(0)));

/** Agreement between the readers of a group and the AI, together `n`, on cells of several classes. */
const GroupAgreement = z
  .strictObject({
    /** Names as in the annotations, "AI" last. */
    readers: z.array(z.string().min(1)).min(2),
    /** By "macro" or class index: n × n. [i][j] is the F1 of j with i as ground truth if i < j, else null. */
    f1: z.record(z.string().regex(/^(macro|\d+)$/), Scores),
    /**
     * By "i|j": rows ground truth, columns prediction; the last row has the false positives, the last column the
     * misses.
     */
    confusion: z.record(z.string(), Counts.nullable()),
  })
  .superRefine(({ readers, f1, confusion }, context) => {
    const fail = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    const side = Object.keys(f1).length;
    if (f1['macro'] === undefined) fail(['f1'], 'Expected the mean over the classes');
    for (const [name, rows] of Object.entries(f1)) {
      if (!isSquare(rows, readers.length)) fail(['f1', name], `Expected ${readers.length} x ${readers.length} values`);
    }
    const pairs = new Set(readers.flatMap((one, i) => readers.slice(i + 1).map((other) => pairName(one, other))));
    for (const [pair, rows] of Object.entries(confusion)) {
      if (!pairs.delete(pair)) fail(['confusion', pair], 'Expected a pair of readers');
      if (rows !== null && !isSquare(rows, side)) fail(['confusion', pair], `Expected ${side} x ${side} counts`);
    }
    for (const pair of pairs) fail(['confusion'], `Expected the pair ${pair}`);
  });
export type GroupAgreement = z.infer<typeof GroupAgreement>;

/** Groups of all tasks; several tasks may share a group. */
const GROUP_NAMES = new Set<string>(CELL_TASKS.flatMap((task) => cellDefinition(task).groups.map(({ name }) => name)));
const GroupName = z.string().refine((name) => GROUP_NAMES.has(name), 'Expected a group of readers');
const Groups = z.record(GroupName, GroupAgreement);

/**
 * `metrics/nuclei.json` and `metrics/pdl1.json`: counts and F1 of every pair, unrounded. A pair that has no image in
 * common is null.
 */
export const DetectionMetrics = z.strictObject({
  groups: Groups,
  /** Without the paper's quirk: the cell is at the centre of its own box. */
  corrected: z.strictObject({ groups: Groups }).optional(),
});
export type DetectionMetrics = z.infer<typeof DetectionMetrics>;

/** Returns the name of a pair in results; the first side is the ground truth. */
export function pairName(truth: string, prediction: string): string {
  return `${truth}|${prediction}`;
}

function isSquare(rows: readonly (readonly unknown[])[], side: number): boolean {
  return rows.length === side && rows.every((row) => row.length === side);
}

/** Added to the authors' denominators to avoid division by 0; it lowers each quotient by about a billionth. */
const EPSILON = 1e-9;

/** Precision, recall and F1 of predicted points, per class, from 0 to 1. */
export interface AgreementScores {
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  readonly f1: readonly number[];
  /** Means over the classes. */
  readonly macro: { readonly precision: number; readonly recall: number; readonly f1: number };
}

/**
 * Computes precision, recall and F1 per class as the authors' eval_utils.py does, unrounded. A class without any point
 * scores 0 and counts in the means.
 *
 * @param confusion - Counts of points; the last row has the false positives, the last column the false negatives.
 * @example
 * const { f1, macro } = agreementScores(ConfusionMatrix.fromRows([[8, 2], [1, 0]]));
 */
export function agreementScores(confusion: ConfusionMatrix): AgreementScores {
  const classes = Array.from({ length: confusion.size - 1 }, (_, k) => k);
  const precision = classes.map((k) => confusion.at(k, k) / (confusion.columnSum(k) + EPSILON));
  const recall = classes.map((k) => confusion.at(k, k) / (confusion.rowSum(k) + EPSILON));
  const f1 = classes.map((k) => {
    const [p, r] = [precision[k] ?? 0, recall[k] ?? 0];
    return (2 * p * r) / (p + r + EPSILON);
  });
  return { precision, recall, f1, macro: { precision: mean(precision), recall: mean(recall), f1: mean(f1) } };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
