import type { Task } from '../../config/tasks.ts';
import type { ScoreRow } from '../../toolkit/evaluate/score-row.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';

/** A line a number: with its interval, beside it the published predictions', and of tissue the one with misses counted. */
export function evaluationTable(task: Task, rows: readonly ScoreRow[]): string[] {
  const isCompared = rows.some(({ published }) => published !== undefined);
  const hasMissed = rows.some(({ missed }) => missed !== undefined);
  const head = [
    '',
    taskNamed(task).scoreName,
    '95 % interval',
    ...(isCompared ? ['published', 'difference'] : []),
    ...(hasMissed ? ['unpredicted as missed'] : []),
  ];
  const lines = rows.map(({ label, value, without, interval, published = null, missed = null }) => [
    label,
    value?.toFixed(4) ?? without,
    interval === undefined ? '' : `${interval.low.toFixed(4)} to ${interval.high.toFixed(4)}`,
    ...(isCompared ? [decimal(published), value === null || published === null ? '' : signed(value - published)] : []),
    ...(hasMissed ? [decimal(value === null ? null : missed)] : []),
  ]);
  const widths = [Math.max(...rows.map(({ label }) => label.length)), 6, 16, 9, 10];
  return [head, ...lines].map((cells) =>
    `  ${cells.map((cell, k) => cell.padEnd(widths[k] ?? 0)).join('  ')}`.trimEnd(),
  );
}

function decimal(value: number | null): string {
  return value?.toFixed(4) ?? '';
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(4)}`;
}
