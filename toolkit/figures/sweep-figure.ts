import type { TopLevelSpec } from 'vega-lite';
import { type CellTask, TASK_TITLES } from '../../config/tasks.ts';
import type { CellSweep } from '../tasks/cells/sweep.ts';
import { FIGURE_STYLE } from './style.ts';

const WIDTH = 400;
const HEIGHT = 220;
const PAPER = '#b03a00';
const THIS_RUN = '#000000';
/** Readers are also distinguished by dash pattern and label. */
const COLOURS = ['#0b3d6e', '#1b7f5c', '#7a3e9d', '#8a5a00', '#444444', '#b8336a'];
const DASHES = [
  [1, 0],
  [8, 3],
  [2, 3],
  [10, 3, 2, 3],
  [5, 5],
  [12, 4],
];

/** Data of the figure of a sweep. */
export interface DrawnSweep extends Omit<CellSweep, 'points'> {
  readonly task: CellTask;
  /** Confidence threshold in the authors' code. */
  readonly paper: number;
  /** Confidence threshold of the run. */
  readonly confidence: number;
}

interface Row {
  readonly reader: string;
  readonly threshold: number;
  readonly value: number | null;
}

/**
 * Returns the figure of a sweep: F1 of every reader with the AI over the confidence threshold, and, if the task has a
 * tumour proportion score, its mean absolute difference from every reader. Vertical lines mark the thresholds of the
 * paper and of the run.
 */
export function sweepFigure(sweep: DrawnSweep): TopLevelSpec {
  const { task, thresholds, curves, tumourProportion, paper, confidence } = sweep;
  const f1 = curves.flatMap(({ reader, macro }) => rowsOf(reader, thresholds, macro));
  const proportion = (tumourProportion?.readers ?? []).flatMap(({ reader, meanAbsoluteDifference }) =>
    rowsOf(reader, thresholds, meanAbsoluteDifference),
  );
  const readers = curves.map(({ reader }) => reader);
  return {
    ...FIGURE_STYLE,
    description: descriptionOf(sweep),
    title: {
      text: `${TASK_TITLES[task]} by confidence threshold`,
      subtitle: [
        `solid vertical line: the paper's threshold, ${paper}${confidence === paper ? ', also of this run' : ''}`,
        ...(confidence === paper ? [] : [`dashed vertical line: the threshold of this run, ${confidence}`]),
      ],
      subtitleFontSize: 12,
      anchor: 'start',
    },
    vconcat: [
      panel(sweep, f1, readers, { title: 'F1 with the AI, mean over the classes', domain: [0, 1] }),
      ...(proportion.length === 0
        ? []
        : [panel(sweep, proportion, readers, { title: 'TPS: mean absolute difference (percentage points)' })]),
    ],
  };
}

function panel(
  { paper, confidence, thresholds }: DrawnSweep,
  rows: readonly Row[],
  readers: readonly string[],
  { title, domain }: { readonly title: string; readonly domain?: number[] },
) {
  const x = {
    field: 'threshold',
    type: 'quantitative' as const,
    title: 'confidence threshold',
    scale: { domain: [Math.min(...thresholds), Math.max(...thresholds)], nice: false },
    axis: { grid: true, gridColor: '#ddd', format: '.2f' },
  };
  const y = {
    field: 'value',
    type: 'quantitative' as const,
    title,
    ...(domain === undefined ? { scale: { zero: true } } : { scale: { domain } }),
    axis: { grid: true, gridColor: '#ddd' },
  };
  return {
    width: WIDTH,
    height: HEIGHT,
    data: { values: rows.filter(({ value }) => value !== null) },
    layer: [
      {
        data: { values: [{ threshold: paper }] },
        mark: { type: 'rule' as const, color: PAPER, strokeWidth: 2, aria: false },
        encoding: { x },
      },
      {
        data: { values: confidence === paper ? [] : [{ threshold: confidence }] },
        mark: { type: 'rule' as const, color: THIS_RUN, strokeWidth: 2, strokeDash: [6, 4], aria: false },
        encoding: { x },
      },
      {
        mark: { type: 'line' as const, strokeWidth: 2, aria: false },
        encoding: {
          x,
          y,
          color: {
            field: 'reader',
            type: 'nominal' as const,
            scale: { domain: [...readers], range: readers.map((_, k) => COLOURS[k % COLOURS.length] ?? 'black') },
            legend: {
              orient: 'bottom',
              columns: 3,
              title: null,
              labelFontSize: 12,
              symbolSize: 400,
              symbolStrokeWidth: 2,
            },
          },
          strokeDash: {
            field: 'reader',
            type: 'nominal' as const,
            scale: { domain: [...readers], range: readers.map((_, k) => DASHES[k % DASHES.length] ?? [1, 0]) },
          },
        },
      },
    ],
  };
}

function rowsOf(reader: string, thresholds: readonly number[], values: readonly (number | null)[]): Row[] {
  return thresholds.map((threshold, k) => ({ reader, threshold, value: values[k] ?? null }));
}

function descriptionOf({ task, thresholds, curves, paper, confidence }: DrawnSweep): string {
  const saidAt = (threshold: number) => {
    const at = thresholds.indexOf(threshold);
    const said = curves.map(({ reader, macro }) => `${reader} ${macro[at]?.toFixed(3) ?? 'no image'}`);
    return `at ${threshold}: ${said.join(', ')}`;
  };
  const places = [...new Set([paper, confidence])].map(saidAt);
  return `F1 of ${TASK_TITLES[task]} from threshold ${thresholds[0]} to ${thresholds.at(-1)}; ${places.join('; ')}.`;
}
