import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { type CellTask, TASK_TITLES } from '../../config/tasks.ts';
import { FileDigests } from '../../toolkit/cache/file-digests.ts';
import { StepCache } from '../../toolkit/cache/step-cache.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { homeFromEnvironment } from '../../toolkit/files/folders.ts';
import { counted, listed } from '../../toolkit/format.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { NAME_DATA, type RunSweep, sweepRun } from '../../toolkit/tasks/cells/sweep.ts';
import { EXIT, printable, printResult, printStep, resultColumns } from '../output.ts';
import { foldersOf, refuseOpen, usualData } from './run-folders.ts';

/** Minimum distance between thresholds in the table. */
const TABLE_STEP = 0.05;

/** On terminals narrower than this, the table is more compact. */
const NARROW = 50;

/**
 * Formats a sweep as text: its subject, the table, and where F1 is largest.
 *
 * @param columns - Width of the terminal; undefined if there is none.
 */
function sweepLines(sweep: RunSweep, columns: number | undefined): string[] {
  const { task, settings, images, leftOut } = sweep;
  return [
    `${TASK_TITLES[task]}: ${counted(images, 'image')}, tiles of ${settings.tile} px, IoU threshold ${settings.iou}`,
    ...(leftOut.length === 0 ? [] : [`Left out, without a prediction: ${listed(leftOut)}`]),
    ...tableOf(sweep, columns !== undefined && columns < NARROW),
    '',
    ...bestLines(sweep),
    'F1: mean over the readers of a group, each with the AI, and over the classes.',
    ...(sweep.tumourProportion === undefined
      ? []
      : ['TPS error: mean absolute difference from the readers in percentage points; for research only.']),
    'A threshold chosen on the images that it is scored on makes the score look better than it is.',
  ];
}

/** Returns the groups of readers, each with the mean of its curves. */
function groupsOf({ curves, thresholds }: RunSweep): { readonly name: string; readonly mean: (number | null)[] }[] {
  return [...new Set(curves.map(({ group }) => group))].map((name) => ({
    name,
    mean: thresholds.map((_, k) =>
      meanOf(curves.filter(({ group }) => group === name).flatMap(({ macro }) => macro[k] ?? [])),
    ),
  }));
}

function tableOf(sweep: RunSweep, isNarrow: boolean): string[] {
  const { thresholds, points, tumourProportion, paper, settings } = sweep;
  const groups = groupsOf(sweep);
  const proportion = tumourProportion?.readers.map(({ meanAbsoluteDifference }) => meanAbsoluteDifference);
  const head = [
    'threshold',
    'points',
    ...groups.map(({ name }) => `F1 ${name}`),
    ...(proportion === undefined ? [] : [isNarrow ? 'TPS err' : 'TPS error']),
  ];
  const gap = isNarrow ? ' ' : '  ';
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
  const line = (cells: readonly string[]) => cells.map((cell, column) => cell.padStart(widths[column] ?? 0)).join(gap);
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

export interface SweepOptions {
  readonly task: CellTask;
  readonly data?: string;
  readonly out?: string;
  readonly step: number;
  readonly json?: boolean;
}

const SMALLEST_STEP = 0.001;
const MAX_STEP = 0.5;

/**
 * `reignite sweep`: F1 of every reader with the AI, and the tumour proportion score, as functions of the confidence
 * threshold, for a finished run; without inference.
 *
 * @throws ReigniteError USAGE; RUN_OPEN; RUN_NOT_FOUND; what `sweepRun` throws.
 */
export async function sweepCommand(
  run: string | undefined,
  options: SweepOptions,
  signal: AbortSignal,
): Promise<number> {
  const { task, step, out, json } = options;
  if (!(step >= SMALLEST_STEP && step <= MAX_STEP)) {
    throw new ReigniteError('USAGE', `Expected --step from ${SMALLEST_STEP} to ${MAX_STEP}, got ${step}.`);
  }
  const folders = await foldersOf(run, signal);
  refuseOpen(folders);
  const { results, data: known } = folders;
  const summary = await RESULTS.summary.read(results);
  const home = homeFromEnvironment();
  const data = await dataOf(results, options.data, known);
  const swept = await sweepRun(
    {
      ...{ task, results, data, summary, signal },
      cache: new StepCache(home.cache, summary.generation),
      digests: new FileDigests(home.digests),
    },
    step,
  );
  printResult(json ? JSON.stringify(swept, null, 1) : printable(sweepLines(swept, resultColumns()).join('\n')));
  if (out !== undefined) await writeSweep(swept, resolve(out));
  return EXIT.done;
}

/**
 * Finds the data folder of a run: results may have been copied from another machine, and data folders may be moved.
 *
 * @param known - The folder that the run used; undefined if only its results are known.
 */
async function dataOf(results: string, given: string | undefined, known: string | undefined): Promise<string> {
  const data = given === undefined ? (known ?? (await usualData(results))) : resolve(given);
  if (data !== undefined && existsSync(data)) return data;
  const cause =
    data === undefined ? `The data folder of ${results} is not known here.` : `There is no data folder ${data}.`;
  throw new ReigniteError('FILE_MISSING', cause, { remedy: NAME_DATA });
}

async function writeSweep(sweep: RunSweep, out: string): Promise<void> {
  // Loading Vega takes a second.
  const { renderVegaLite } = await import('../../toolkit/figures/render-vega-lite.ts');
  const { sweepFigure } = await import('../../toolkit/figures/sweep-figure.ts');
  const { svg, png } = await renderVegaLite(sweepFigure({ ...sweep, confidence: sweep.settings.confidence }));
  const path = (ending: string) => join(out, `${sweep.task}-sweep.${ending}`);
  await writeFileAtomic(path('json'), `${JSON.stringify(sweep, null, 1)}\n`);
  await writeFileAtomic(path('svg'), svg);
  await writeFileAtomic(path('png'), png);
  printStep(`Curves: ${relative('.', path('svg'))}, also as .png and .json`);
}
