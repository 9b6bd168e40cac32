import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Task } from '../../config/tasks.ts';
import { nearestName } from '../../config/wrong-values.ts';
import { Sha256 } from '../brands.ts';
import type { CategoryRule } from '../dataset/category-classes.ts';
import { overviewFileIn } from '../dataset/layout.ts';
import { type OverviewByStem, overviewByStem, readOverview } from '../dataset/overview.ts';
import type { LabelTranslation } from '../dataset/tissue-labels.ts';
import { ReigniteError } from '../errors.ts';
import { sha256OfFile } from '../files/hash-file.ts';
import { firstOf } from '../format.ts';
import type { ClassSubset } from '../metrics/class-subset.ts';
import type { EvaluationSource } from '../results/metrics-files.ts';
import { RESULTS } from '../results/results-folder.ts';
import { countsByPatient, type RoiCounts } from '../verdict/resampled-intervals.ts';
import type { EvaluationIntervals } from '../verdict/uncertainty.ts';
import type { Interval, PatientsFile } from '../verdict/verdict-file.ts';

const MAX_NAMED = 5;

/** A score of an evaluation, with what is shown next to it. */
export interface ScoreRow {
  readonly label: string;
  /** Null if it cannot be scored: a pair without images in common, or a class without ground truth. */
  readonly value: number | null;
  /** Meaning of a null value. */
  readonly without: 'absent' | 'no image in common';
  readonly interval?: Interval;
  /** The same score of the published predictions; missing if they are not compared. */
  readonly published?: number | null;
  /** The score if annotated pixels without a prediction count as missed; only for tissue. */
  readonly missed?: number | null;
}

/** Input of an evaluation. Folders are absolute. */
export interface EvaluationInput {
  /** Data folder with overview and annotations, and with images for the figures of single ROIs. */
  readonly data: string;
  /** Folder that directly contains the predictions. */
  readonly predictions: string;
  /** Folder in which metrics/ and figures/ are written. */
  readonly out: string;
  /** Label of the paper for every mask value, if the masks have other values. */
  readonly labels?: LabelTranslation;
  /** How categories of the readers' file get their class. Default: by ID, as in the authors' code. */
  readonly categories?: CategoryRule;
  /** The classes to score. Default: all. */
  readonly classes?: ClassSubset;
}

/** What an evaluation stores so that it can be compared with another one. */
export interface EvaluationEvidence {
  readonly source: EvaluationSource;
  readonly counts: PatientsFile;
}

export interface Evaluated {
  /** `metrics/<task>.json`. */
  readonly metrics: object;
  /** `metrics/<task>.intervals.json`: confidence intervals, what predictions leave out, and warnings. */
  readonly intervals: EvaluationIntervals;
  /** `metrics/<task>.classes.json`: scores of the requested classes. */
  readonly classes?: object;
  readonly images: number;
  /** The table on screen. */
  readonly rows: readonly ScoreRow[];
  /** What scores or figures leave out, one sentence each. */
  readonly remarks: readonly string[];
}

/** Writes `metrics/<task>.json` and its companion files; class scores of an earlier evaluation are removed. */
export async function writeMetrics(
  out: string,
  task: Task,
  { metrics, intervals, classes }: Pick<Evaluated, 'metrics' | 'intervals' | 'classes'>,
  { source, counts }: EvaluationEvidence,
): Promise<void> {
  await RESULTS.metrics.write(out, metrics, task);
  await RESULTS.intervals.write(out, intervals, task);
  await RESULTS.evaluatedPatients.write(out, counts, task);
  await RESULTS.source.write(out, source, task);
  if (classes === undefined) await rm(RESULTS.classes.in(out, task), { force: true });
  else await RESULTS.classes.write(out, classes, task);
}

/** Creates the file of counts per patient. */
export function patientsFile(
  matrices: readonly string[],
  side: number,
  rois: readonly RoiCounts[],
  overview: OverviewByStem,
): PatientsFile {
  const patients = countsByPatient(rois, overview).map(({ id, rois: of, published, ours }) => ({
    ...{ id, rois: [...of], published: [...published], ours: [...ours] },
  }));
  return { matrices: [...matrices], side, patients };
}

/** Returns the SHA-256 of files by name, so that a later change of one is noticed. */
export async function digestsOf(
  paths: Iterable<readonly [name: string, path: string]>,
): Promise<Record<string, Sha256>> {
  const digests = new Map<string, Sha256>();
  for (const [name, path] of paths) digests.set(name, Sha256.parse(await sha256OfFile(path)));
  return Object.fromEntries(digests);
}

/** Names files in a folder of predictions that are not scored, in one sentence; none for no files. */
export function describeUnscored(files: readonly string[], of: string): readonly string[] {
  if (files.length === 0) return [];
  const [belong, are] = files.length === 1 ? ['belongs', 'is'] : ['belong', 'are'];
  return [`${firstOf(files, MAX_NAMED)} ${belong} to no ${of} and ${are} not scored.`];
}

/** Describes which classes are scored, and what the others count as. */
export function describeSubset({ names, merged }: ClassSubset): string {
  if (merged.length === 0) return `Scored: ${names.join(', ')}, all classes of the task.`;
  return (
    `Scored: ${names.join(', ')}. In ground truth and prediction, "other" means ${merged.join(', ')}. ` +
    'Figures of all classes are not drawn.'
  );
}

/** Reads the overview, which assigns images to patients. If it does not exist, every image counts as a separate patient. */
export async function patientsOf(data: string): Promise<OverviewByStem> {
  const path = await overviewFileIn(data);
  return existsSync(path) ? overviewByStem(await readOverview(path)) : new Map();
}

/** The classes of a task that can be scored separately. */
export interface ScoredClasses {
  /** All classes that the paper's protocol scores. */
  readonly names: readonly string[];
  /** Returns the index of the class with a name, ignoring case; undefined if there is none. */
  placeOf(word: string): number | undefined;
  /** Returns the name of a class, given its index. */
  nameOf(place: number): string | undefined;
  /** Selects the classes with these indices and merges all others. */
  subset(places: readonly number[]): ClassSubset;
}

/**
 * Parses the class names of `--classes`, separated by commas, ignoring case.
 *
 * @throws ReigniteError USAGE naming a word that is not a class of the task, and the class that was probably meant.
 */
export function classesAsked(task: string, classes: ScoredClasses, text: string): ClassSubset {
  const words = [...new Set(text.split(',').map((word) => word.trim()))].filter((word) => word !== '');
  if (words.length === 0) throw new ReigniteError('USAGE', '--classes names no class.');
  return classes.subset([...new Set(words.map((word) => placeOf(word, task, classes)))]);
}

function placeOf(word: string, task: string, { names, ...classes }: ScoredClasses): number {
  const known = classes.placeOf(word);
  if (known !== undefined && names.includes(classes.nameOf(known) ?? '')) return known;
  const near = known === undefined ? nearestName(word, names) : undefined;
  const cause =
    known === undefined
      ? `"${word}" is not a class of the task ${task}`
      : `"${word}" is not scored by the paper's protocol`;
  throw new ReigniteError('USAGE', `${cause}.${near === undefined ? '' : ` Did you mean "${near}"?`}`, {
    remedy: `The classes are: ${names.join(', ')}.`,
  });
}
