import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Task } from '../../config/tasks.ts';
import type { CategoryRule } from '../dataset/category-classes.ts';
import { overviewFileIn } from '../dataset/find-files.ts';
import { readOverview } from '../dataset/overview.ts';
import type { ClassSubset } from '../metrics/class-subset.ts';
import { RESULTS } from '../results/results-folder.ts';
import type { EvaluationIntervals } from '../verdict/evaluation-intervals.ts';
import { countsByPatient, type OverviewByStem, overviewByStem, type RoiCounts } from '../verdict/patients.ts';
import type { Interval, PatientsFile } from '../verdict/verdict-file.ts';
import type { EvaluationSource } from './evaluation-source.ts';
import type { LabelTranslation } from './label-translation.ts';

/** A score of an evaluation with what is shown next to it. */
export interface ScoreRow {
  readonly label: string;
  /** Null for what cannot be scored: a pair without images in common, a class without truth. */
  readonly value: number | null;
  /** What a null value means, in words. */
  readonly without: 'absent' | 'no image in common';
  readonly interval?: Interval;
  /** The same number of the published predictions; missing where they are not compared. */
  readonly published?: number | null;
  /** The number with annotated pixels that have no prediction as missed; of tissue alone. */
  readonly missed?: number | null;
}

/** What an evaluation is asked for. Folders are absolute. */
export interface EvaluationInput {
  /** The record: overview and annotations; images for the figures of single ROIs. */
  readonly data: string;
  /** Holds the predictions themselves. */
  readonly predictions: string;
  /** Gets metrics/ and figures/. */
  readonly out: string;
  /** Label of the paper for every value of a mask, where the masks have values of their own. */
  readonly labels?: LabelTranslation;
  /** What gives a category of the readers' file its class; default: its id, as in the authors' code. */
  readonly categories?: CategoryRule;
  /** The classes to score; all unless given. */
  readonly classes?: ClassSubset;
}

/** What an evaluation leaves for a comparison with another one. */
export interface EvaluationEvidence {
  readonly source: EvaluationSource;
  readonly counts: PatientsFile;
}

export interface Evaluated {
  /** `metrics/<task>.json`. */
  readonly metrics: object;
  /**
   * `metrics/<task>.intervals.json`: how sure the numbers are, what predictions leave out, and what to be warned of.
   */
  readonly intervals: EvaluationIntervals;
  /** `metrics/<task>.classes.json`: the numbers of the classes asked for. */
  readonly classes?: object;
  readonly images: number;
  /** The table on screen. */
  readonly rows: readonly ScoreRow[];
  /** What the numbers or the figures leave out, one sentence each. */
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

/** Counts of each patient as a file holds them. */
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

/** Says which classes are scored, and what the others count as. */
export function describeSubset({ names, merged }: ClassSubset): string {
  if (merged.length === 0) return `Scored: ${names.join(', ')}, all classes of the task.`;
  return (
    `Scored: ${names.join(', ')}. In ground truth and prediction, "other" means ${merged.join(', ')}. ` +
    'Figures of all classes are not drawn.'
  );
}

/**
 * Whose images are whose patient's; where the record's overview does not exist, every image is a patient of its own.
 */
export async function patientsOf(data: string): Promise<OverviewByStem> {
  const path = await overviewFileIn(data);
  return existsSync(path) ? overviewByStem(await readOverview(path)) : new Map();
}
