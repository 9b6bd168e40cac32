import { TASK_TITLES } from '../../config/tasks.ts';
import { counted, listed } from '../../toolkit/format.ts';
import type { RunSweep } from '../../toolkit/sweep/swept-run.ts';

/** Thresholds in the table, as far apart as this at least. */
const TABLE_STEP = 0.05;

/** A sweep as text: what it is of, the table, and where the F1 is largest. */
export function sweepLines(sweep: RunSweep): string[] {
  const { task, settings, images, leftOut } = sweep;
  return [
    `${TASK_TITLES[task]}: ${counted(images, 'image')}, tiles of ${settings.tile} px, IoU threshold ${settings.iou}`,
    ...(leftOut.length === 0 ? [] : [`Left out, without a prediction: ${listed(leftOut)}`]),
    ...tableOf(sweep),
    '',
    ...bestLines(sweep),
    ...(sweep.tumourProportion === undefined
      ? []
      : ['TPS, off by: mean absolute difference from the readers in percentage points; for research only.']),
    'A threshold chosen on the images that it is scored on makes the score look better than it is.',
  ];
}

/** A group of readers with the mean of their curves. */
function groupsOf({ curves, thresholds }: RunSweep): { readonly name: string; readonly mean: (number | null)[] }[] {
  return [...new Set(curves.map(({ group }) => group))].map((name) => ({
    name,
    mean: thresholds.map((_, k) =>
      meanOf(curves.filter(({ group }) => group === name).flatMap(({ macro }) => macro[k] ?? [])),
    ),
  }));
}

function tableOf(sweep: RunSweep): string[] {
  const { thresholds, points, tumourProportion, paper, settings } = sweep;
  const groups = groupsOf(sweep);
  const proportion = tumourProportion?.readers.map(({ meanAbsoluteDifference }) => meanAbsoluteDifference);
  const head = [
    'threshold',
    'points',
    ...groups.map(({ name }) => `F1 ${name}`),
    ...(proportion === undefined ? [] : ['TPS, off by']),
  ];
  const rows = thresholds.flatMap((threshold, k) => {
    const marks = [
      ...(threshold === paper ? ["the paper's"] : []),
      ...(threshold === settings.confidence ? ['this run'] : []),
    ];
    if (marks.length === 0 && !isInTable(threshold)) return [];
    const off = proportion === undefined ? [] : [meanOf(proportion.flatMap((values) => values[k] ?? []))];
    const cells = [
      threshold.toFixed(2),
      String(points[k]),
      ...groups.map(({ mean }) => mean[k]?.toFixed(4) ?? '-'),
      ...off.map((value) => value?.toFixed(1) ?? '-'),
    ];
    return [{ cells, mark: marks.join(', ') }];
  });
  const widths = head.map((text, column) =>
    Math.max(text.length, ...rows.map(({ cells }) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) => cells.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ');
  return [line(head), ...rows.map(({ cells, mark }) => `${line(cells)}  ${mark}`.trimEnd())];
}

function bestLines(sweep: RunSweep): string[] {
  const { thresholds, paper } = sweep;
  const paperAt = thresholds.indexOf(paper);
  return groupsOf(sweep).flatMap(({ name, mean }) => {
    const best = mean.reduce<number>((at, value, k) => ((value ?? -1) > (mean[at] ?? -1) ? k : at), paperAt);
    const [largest, theirs] = [mean[best], mean[paperAt]];
    if (largest === null || largest === undefined || theirs === null || theirs === undefined) return [];
    return [
      `${name}: largest mean F1 ${largest.toFixed(4)} at ${thresholds[best]}; ${theirs.toFixed(4)} at the paper's ${paper}`,
    ];
  });
}

function isInTable(threshold: number): boolean {
  const steps = threshold / TABLE_STEP;
  return Math.abs(steps - Math.round(steps)) < 1e-6;
}

function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
