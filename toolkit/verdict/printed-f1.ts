import { listed } from '../format.ts';
import { agreementScores, type DetectionMetrics, pairName } from '../metrics/agreement.ts';
import { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import type { OverflowingPair, PrintedVerdict } from './verdict-file.ts';

/** F1 values that were published in print: macro F1 by pair, such as "reader R1|AI", with two decimals. */
export interface PrintedF1 {
  readonly values: Readonly<Record<string, number>>;
  /** Where they were printed, as the end of a sentence: "in f1_scores_RUMC.png". */
  readonly source: string;
  /** Figures that could not be read, each with the reason. */
  readonly unread: readonly string[];
}

/** Largest difference of a score from its printed value, which has two decimals. */
const PRINTED = 0.005 + 1e-9;
/** Counts in the authors' uint16 matrices wrap to 0 at this number. */
const UINT16 = 65_536;

/**
 * Compares the F1 values of the published points, scored here, with those in print. If they differ, the scores are
 * computed again from counts that wrap at 65,536, as in the authors' uint16 matrices.
 *
 * @param printed - Undefined if there are none.
 * @see src/eval_utils.py of the IGNITE data toolkit
 */
export function compareWithPrinted(scored: DetectionMetrics, printed: PrintedF1 | undefined): PrintedVerdict {
  const overflowing = overflowingPairs(scored);
  const found = judgePrinted(scored, printed);
  return overflowing.length === 0 ? found : { ...found, overflowing };
}

function judgePrinted(scored: DetectionMetrics, printed: PrintedF1 | undefined): PrintedVerdict {
  const unread = printed === undefined ? [] : printed.unread;
  if (printed === undefined || Object.keys(printed.values).length === 0) {
    const reason =
      unread.length === 0
        ? 'No F1 is published as a number, and the configuration has none.'
        : `No F1 could be read from the published figures: ${unread.join('; ')}.`;
    return { verdict: 'not comparable', reason };
  }
  const where = `printed ${printed.source}`;
  const besides = unread.length === 0 ? '' : ` Not read: ${unread.join('; ')}.`;
  const count = Object.keys(printed.values).length;
  const plain = notFound(
    printed.values,
    macroF1(scored, (counts) => counts),
  );
  const wrapped = notFound(printed.values, macroF1(scored, wrap));
  if (plain.length === 0) {
    const isSettled = wrapped.length > 0;
    const note = isSettled ? ' Counts that wrap at 65,536 would give other values.' : '';
    const reason = `All ${count} F1 values ${where} are reproduced.${note}${besides}`;
    return { verdict: 'reproduced', reason, ...(isSettled && { counts: 'unwrapped' }) };
  }
  if (wrapped.length === 0) {
    const reason =
      `All ${count} F1 values ${where} are reproduced with counts that wrap at 65,536, as in the authors' uint16 ` +
      `matrices; without wrapping ${listed(plain)} would differ. The discrepancy report has the corrected values.`;
    return { verdict: 'reproduced', reason: `${reason}${besides}`, counts: 'wrapped' };
  }
  return { verdict: 'differs', reason: `F1 values ${where} are not reproduced: ${plain.join(', ')}.${besides}` };
}

/** Returns the pairs whose score does not round to the printed value; a pair without images is drawn as 0.00. */
function notFound(printed: PrintedF1['values'], scores: ReadonlyMap<string, number | null>): string[] {
  return Object.entries(printed).flatMap(([pair, value]) => {
    const score = scores.get(pair);
    const isFound = score === null ? value === 0 : score !== undefined && Math.abs(score - value) <= PRINTED;
    return isFound ? [] : [pair];
  });
}

function wrap(count: number): number {
  return count % UINT16;
}

/** Scores the pairs with a count beyond 16 bits, with and without wrapping. */
export function overflowingPairs({ groups }: Pick<DetectionMetrics, 'groups'>): OverflowingPair[] {
  return Object.entries(groups).flatMap(([group, { confusion }]) =>
    Object.entries(confusion).flatMap(([pair, rows]) => {
      if (rows === null || Math.max(...rows.flat()) < UINT16) return [];
      const f1 = (each: readonly (readonly number[])[]) => agreementScores(ConfusionMatrix.fromRows(each)).macro.f1;
      return [{ name: `${group}: ${pair}`, wrapped: f1(rows.map((row) => row.map(wrap))), unwrapped: f1(rows) }];
    }),
  );
}

/** Computes the macro F1 of every pair after applying `change` to every count; null for a pair without images. */
function macroF1({ groups }: DetectionMetrics, change: (count: number) => number): Map<string, number | null> {
  const scores = new Map<string, number | null>();
  for (const { readers, f1, confusion } of Object.values(groups)) {
    for (const [i, truth] of readers.entries()) {
      for (const [k, prediction] of readers.slice(i + 1).entries()) {
        const pair = pairName(truth, prediction);
        const counts = confusion[pair];
        const hasImages = counts !== undefined && counts !== null && (f1['macro']?.[i]?.[i + 1 + k] ?? null) !== null;
        const changed = hasImages ? ConfusionMatrix.fromRows(counts.map((row) => row.map(change))) : undefined;
        scores.set(pair, changed === undefined ? null : agreementScores(changed).macro.f1);
      }
    }
  }
  return scores;
}
