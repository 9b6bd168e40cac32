import { TASK_TITLES } from '../../config/tasks.ts';
import type { ComparedTask, SidesComparison } from '../../toolkit/compare/compare-sides.ts';
import type { PairedScore } from '../../toolkit/compare/paired-scores.ts';
import type { Side } from '../../toolkit/compare/side.ts';

const MOST_SCORES = 12;
const MOST_WORST = 5;

/** A comparison as text: the verdict, what differs between the two, then task by task. */
export function comparisonLines(a: Side, b: Side, { verdict, about, tasks, remarks }: SidesComparison): string[] {
  return [
    `A and B: ${verdict}`,
    `  A  ${a.kind} ${a.name}`,
    `  B  ${b.kind} ${b.name}`,
    ...(about.length === 0 ? ['  Settings, models and versions are the same'] : ['Settings, models and versions']),
    ...about.map((each) => `  ${each.field}: ${each.a ?? '-'} in A, ${each.b ?? '-'} in B`),
    ...remarks,
    ...tasks.flatMap(taskLines),
  ];
}

function taskLines({ task, verdict, reason, scores, worst, remarks }: ComparedTask): string[] {
  return [
    '',
    `${TASK_TITLES[task]}: ${verdict}`,
    `  ${reason}`,
    ...scoreLines(scores?.scores ?? []),
    ...(worst.length === 0
      ? []
      : [
          `  differ most: ${worst
            .slice(0, MOST_WORST)
            .map(({ roi, difference }) => `${roi} (${(100 * difference).toPrecision(2)} %)`)
            .join(', ')}`,
        ]),
    ...remarks.map((remark) => `  ${remark}`),
  ];
}

/** The scores that differ, the largest difference first. */
function scoreLines(scores: readonly PairedScore[]): string[] {
  const differing = scores
    .flatMap((score) =>
      score.difference === null || score.difference === 0 ? [] : [{ ...score, by: score.difference }],
    )
    .sort((one, other) => Math.abs(other.by) - Math.abs(one.by));
  if (differing.length === 0) return [];
  const shown = differing.slice(0, MOST_SCORES);
  const width = Math.max(...shown.map(({ name }) => name.length));
  const head = `  ${''.padEnd(width)}       A       B    B - A   95 % interval`;
  const rows = shown.map(({ name, a, b, by, interval }) => {
    const range = interval === undefined ? '-' : `${signed(interval.low)} to ${signed(interval.high)}`;
    return `  ${name.padEnd(width)}  ${score(a)}  ${score(b)}  ${signed(by)}   ${range}`;
  });
  const left = differing.length - shown.length;
  return [head, ...rows, ...(left === 0 ? [] : [`  and ${left} more that differ less`])];
}

function score(value: number | null): string {
  return value === null ? '     -' : value.toFixed(4);
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(4)}`;
}
