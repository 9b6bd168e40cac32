import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { packageVersion } from '../../config/package-files.ts';
import { TASK_TITLES } from '../../config/tasks.ts';
import { loadConfig } from '../../runtime/load-config.ts';
import {
  type ComparedTask,
  compareSides,
  expectCompared,
  type SidesComparison,
  verdictText,
} from '../../toolkit/compare/compare-sides.ts';
import { drawComparedLayers } from '../../toolkit/compare/comparison-layers.ts';
import type { PairedScore } from '../../toolkit/compare/paired-scores.ts';
import { readSide, type Side } from '../../toolkit/compare/read-side.ts';
import {
  comparedClasses,
  comparisonDocument,
  tumourText,
  writeComparison,
  writeComparisonPage,
} from '../../toolkit/compare/write-comparison.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { percentText } from '../../toolkit/format.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { endWhenInterrupted } from '../interruption.ts';
import { EXIT, printable, printResult, printStep, resultColumns } from '../output.ts';
import { foldersOf, usualData } from './run-folders.ts';

const MAX_DIFFERING_ROIS = 5;

/** Formats a comparison as text: the verdict, what differs between the two, then each task. */
function comparisonLines(a: Side, b: Side, { verdict, about, tasks, remarks }: SidesComparison): string[] {
  return [
    `A and B: ${verdictText(verdict, tasks)}`,
    `  A  ${a.kind} ${a.name}`,
    `  B  ${b.kind} ${b.name}`,
    ...(about.length === 0 ? ['  Settings, models and versions are the same'] : ['Settings, models and versions']),
    ...about.map((each) => `  ${each.field}: ${each.a ?? '-'} in A, ${each.b ?? '-'} in B`),
    ...remarks,
    ...tasks.flatMap(taskLines),
  ];
}

function taskLines(compared: ComparedTask): string[] {
  const { task, verdict, reason, scores, worst, remarks } = compared;
  return [
    '',
    `${TASK_TITLES[task]}: ${verdictText(verdict, [compared])}`,
    `  ${reason}`,
    ...scoreLines(scores?.scores ?? [], resultColumns()),
    ...(worst.length === 0
      ? []
      : [
          `  differ most: ${worst
            .slice(0, MAX_DIFFERING_ROIS)
            .map(({ roi, difference }) => `${roi} (${percentText(difference)})`)
            .join(', ')}`,
        ]),
    ...slideLines(compared),
    ...remarks.map((remark) => `  ${remark}`),
  ];
}

/** Formats whole slides: areas and agreement of each class, and the tumour proportion. */
function slideLines(compared: ComparedTask): string[] {
  const classes = comparedClasses(compared).filter(({ mm2 }) => mm2 !== undefined);
  const width = Math.max(...classes.map(({ name }) => name.length));
  const rows = classes.map(({ name, mm2, overlap }) => {
    return `  ${name.padEnd(width)}  ${area(mm2?.a)}  ${area(mm2?.b)}  ${scoreText(overlap)}`;
  });
  const tumour = compared.rois.flatMap(({ roi, tumour }) =>
    tumour === undefined ? [] : [`  ${roi}: A ${tumourText(tumour.a)}, B ${tumourText(tumour.b)}`],
  );
  return [
    ...(rows.length === 0 ? [] : [`  ${''.padEnd(width)}     A mm²     B mm²    Dice`, ...rows]),
    ...(tumour.length === 0 ? [] : ['  Tumour proportion (for research only)', ...tumour]),
  ];
}

function area(mm2: number | undefined): string {
  return (mm2 === undefined ? '-' : mm2.toFixed(4)).padStart(8);
}

export interface CompareOptions {
  readonly data?: string;
  readonly out: string;
  readonly set: readonly string[];
  readonly json?: boolean;
}

/**
 * `reignite compare`: two runs, evaluations or predictions, with paired differences of their scores.
 *
 * @returns 4 when they differ beyond the tolerances.
 * @throws ReigniteError NOT_COMPARABLE; RUN_NOT_FOUND; RUN_OPEN.
 */
export async function compareCommand(
  first: string,
  second: string,
  options: CompareOptions,
  signal: AbortSignal,
): Promise<number> {
  const other = options.set.find((assignment) => !assignment.startsWith('verdict.'));
  if (other !== undefined) {
    throw new ReigniteError(
      'USAGE',
      `--set ${other}: compare takes only tolerances, such as verdict.he.tolerance.maxDiceDifference=0.01.`,
    );
  }
  const { verdict: config } = await loadConfig({ profile: 'sample', set: options.set });
  endWhenInterrupted('Interrupted: the comparison is not complete. Run the same command again.');
  const a = await sideOf(first, options.data, signal);
  const b = await sideOf(second, options.data, signal);
  const out = resolve(options.out);
  refuseOwnFolder(out, a, b);
  const onRoi = (task: string, done: number, of: number) => {
    if (done === of) printStep(`${task}: ${of} compared`);
  };
  const comparison = await compareSides(a, b, { config, signal, onRoi });
  expectCompared(comparison);
  const layers = await drawComparedLayers(out, a, b, comparison.tasks, config.cells.tolerance.maxDistance, signal);
  const document = comparisonDocument(a, b, comparison);
  await writeComparison(out, document, comparison);
  await writeComparisonPage(out, a, b, comparison, layers, packageVersion());
  const text = printable(comparisonLines(a, b, comparison).join('\n'));
  printResult(options.json ? JSON.stringify(document, null, 1) : text);
  if (layers.every(({ files }) => files.image === undefined)) {
    printStep('The page has no images: name the data folder with `--data DIR` to see them under A and B.');
  }
  printStep(`Page  ${relative('.', RESULTS.page.in(out))}`);
  return comparison.verdict === 'differs' ? EXIT.differs : EXIT.done;
}

async function sideOf(name: string, data: string | undefined, signal: AbortSignal): Promise<Side> {
  const given = data === undefined ? undefined : resolve(data);
  const folder = resolve(name);
  if (!existsSync(folder)) {
    const { results, data: known } = await foldersOf(name, signal);
    return readSide(results, { name, data: given ?? known });
  }
  const usual = given ?? (await usualData(folder));
  return readSide(folder, { name, data: usual });
}

function refuseOwnFolder(out: string, a: Side, b: Side): void {
  const own = [a, b].find(({ folder }) => folder === out);
  if (own === undefined) return;
  throw new ReigniteError('USAGE', `--out ${out} is one of the two folders that are compared.`);
}

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
function scoreText(value: number | null): string {
  return value === null ? '     -' : value.toFixed(4);
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(4)}`;
}
