import type { ScoreRow } from '../../toolkit/evaluate/evaluation.ts';

/**
 * Formats the scores of an evaluation as a table: on a narrow terminal without the difference, and on an even narrower
 * one with the numbers below each name.
 *
 * @param score - Dice or F1.
 * @param columns - Width of the terminal; undefined if the output is not a terminal.
 */
export function evaluationLines(
  score: string,
  rows: readonly ScoreRow[],
  columns = Number.POSITIVE_INFINITY,
): string[] {
  const fields = fieldsOf(score, rows);
  const few = fields.flatMap((field) => (field.isExtra ? [] : [{ ...field, head: field.shortHead ?? field.head }]));
  const layouts = [fields, few].map((shown) => tableOf(rows, shown));
  const fitting = layouts.find((lines) => lines.every((line) => line.length <= columns));
  return fitting ?? rows.flatMap((row) => belowName(row, fields));
}

/** A column of the table. */
interface Field {
  readonly head: string;
  readonly shortHead?: string;
  readonly width: number;
  /** Whether to leave it out if there is little room. */
  readonly isExtra?: boolean;
  readonly text: (row: ScoreRow) => string;
}

function fieldsOf(score: string, rows: readonly ScoreRow[]): readonly Field[] {
  const isCompared = rows.some(({ published }) => published !== undefined);
  const hasMissed = rows.some(({ missed }) => missed !== undefined);
  return [
    { head: score, width: 6, text: ({ value, without }) => value?.toFixed(4) ?? without },
    { head: '95 % interval', width: 16, text: rangeOf },
    ...(isCompared
      ? [
          {
            head: 'published',
            width: 9,
            text: ({ value, published }: ScoreRow) => decimal(value === null ? null : published),
          },
          { head: 'difference', width: 10, isExtra: true, text: differenceOf },
        ]
      : []),
    ...(hasMissed
      ? [
          {
            head: 'unpredicted as missed',
            shortHead: 'as missed',
            width: 0,
            text: ({ value, missed }: ScoreRow) => decimal(value === null ? null : missed),
          },
        ]
      : []),
  ];
}

function tableOf(rows: readonly ScoreRow[], fields: readonly Field[]): string[] {
  const label = Math.max(...rows.map((row) => row.label.length));
  const line = (name: string, cells: readonly string[]) =>
    `  ${[name.padEnd(label), ...cells.map((cell, k) => cell.padEnd(fields[k]?.width ?? 0))].join('  ')}`.trimEnd();
  const head = line(
    '',
    fields.map((field) => field.head),
  );
  return [
    head,
    ...rows.map((row) =>
      line(
        row.label,
        fields.map(({ text }) => text(row)),
      ),
    ),
  ];
}

function belowName(row: ScoreRow, [score, interval, ...others]: readonly Field[]): string[] {
  const range = interval?.text(row) ?? '';
  const more = others.flatMap(({ head, text }) => (text(row) === '' ? [] : [`    ${head} ${text(row)}`]));
  return [`  ${row.label}`, `    ${score?.text(row) ?? ''}${range === '' ? '' : ` (${range})`}`, ...more];
}

function rangeOf({ interval }: ScoreRow): string {
  return interval === undefined ? '' : `${interval.low.toFixed(4)} to ${interval.high.toFixed(4)}`;
}

function differenceOf({ value, published = null }: ScoreRow): string {
  if (value === null || published === null) return '';
  const difference = value - published;
  return `${difference < 0 ? '-' : '+'}${Math.abs(difference).toFixed(4)}`;
}

function decimal(value: number | null | undefined): string {
  return value?.toFixed(4) ?? '';
}
