import type { PairedScore } from '../../toolkit/compare/paired-scores.ts';

const MAX_SCORES = 12;
/** Width of a row without the name: two scores, their difference, its interval. */
const NUMBERS = 48;
/** Width of the numbers when they are on the line below a name. */
const NUMBERS_BELOW = 52;

/**
 * Formats the scores that differ, largest difference first: as a table, or on a narrow terminal with the numbers below
 * each name.
 *
 * @param columns - Width of the terminal; undefined if the output is not a terminal.
 */
export function scoreLines(scores: readonly PairedScore[], columns: number | undefined): string[] {
  const differing = scores
    .flatMap((score) =>
      score.difference === null || score.difference === 0 ? [] : [{ ...score, by: score.difference }],
    )
    .sort((one, other) => Math.abs(other.by) - Math.abs(one.by));
  if (differing.length === 0) return [];
  const shown = differing.slice(0, MAX_SCORES);
  const width = Math.max(...shown.map(({ name }) => name.length));
  const left = differing.length - shown.length;
  const rows = columns !== undefined && width + NUMBERS > columns ? belowNames(shown, columns) : asTable(shown, width);
  return [...rows, ...(left === 0 ? [] : [`  and ${left} more that differ less`])];
}

interface DifferingScore extends PairedScore {
  readonly by: number;
}

function asTable(shown: readonly DifferingScore[], width: number): readonly string[] {
  const head = `  ${''.padEnd(width)}       A       B    B - A   95 % interval`;
  const rows = shown.map(
    (each) =>
      `  ${each.name.padEnd(width)}  ${scoreText(each.a)}  ${scoreText(each.b)}  ${signed(each.by)}   ${rangeOf(each)}`,
  );
  return [head, ...rows];
}

function belowNames(shown: readonly DifferingScore[], columns: number): readonly string[] {
  const head = '  A, B, B - A, and its 95 % interval';
  return [
    head,
    ...shown.flatMap((each) => {
      const numbers = `    ${scoreText(each.a)}  ${scoreText(each.b)}  ${signed(each.by)}`;
      const range = each.interval === undefined ? '' : rangeOf(each);
      const below = columns >= NUMBERS_BELOW ? [`${numbers}  ${range}`.trimEnd()] : [numbers, ...rangeLine(range)];
      return [`  ${each.name}`, ...below];
    }),
  ];
}

function rangeLine(range: string): readonly string[] {
  return range === '' ? [] : [`    ${range}`];
}

function rangeOf({ interval }: PairedScore): string {
  return interval === undefined ? '-' : `${signed(interval.low)} to ${signed(interval.high)}`;
}

/** Formats a score with four decimals, or a dash of the same width. */
export function scoreText(value: number | null): string {
  return value === null ? '     -' : value.toFixed(4);
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(4)}`;
}
