import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { packageVersion } from '../../config/package-files.ts';
import { TASK_TITLES } from '../../config/tasks.ts';
import { loadConfig } from '../../runtime/config/load-config.ts';
import {
  type ComparedTask,
  compareSides,
  expectCompared,
  type SidesComparison,
} from '../../toolkit/compare/compare-sides.ts';
import { comparedClasses, tumourText } from '../../toolkit/compare/compared-classes.ts';
import { comparisonDocument, writeComparison } from '../../toolkit/compare/comparison-file.ts';
import { drawComparedLayers } from '../../toolkit/compare/comparison-layers.ts';
import { writeComparisonPage } from '../../toolkit/compare/comparison-page.ts';
import { readSide } from '../../toolkit/compare/read-side.ts';
import type { Side } from '../../toolkit/compare/side.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { endWhenInterrupted } from '../interruption.ts';
import { EXIT, printable, printResult, printStep, resultColumns } from '../output.ts';
import { foldersOf } from './report.ts';
import { scoreLines, scoreText } from './score-lines.ts';
import { usualData } from './usual-data.ts';

const MAX_DIFFERING_ROIS = 5;

/** Formats a comparison as text: the verdict, what differs between the two, then each task. */
function comparisonLines(a: Side, b: Side, { verdict, about, tasks, remarks }: SidesComparison): string[] {
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

function taskLines(compared: ComparedTask): string[] {
  const { task, verdict, reason, scores, worst, remarks } = compared;
  return [
    '',
    `${TASK_TITLES[task]}: ${verdict}`,
    `  ${reason}`,
    ...scoreLines(scores?.scores ?? [], resultColumns()),
    ...(worst.length === 0
      ? []
      : [
          `  differ most: ${worst
            .slice(0, MAX_DIFFERING_ROIS)
            .map(({ roi, difference }) => `${roi} (${(100 * difference).toPrecision(2)} %)`)
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
