import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from '../../config/tasks.ts';
import { OVERVIEW_FILE } from '../../toolkit/dataset/layout.ts';
import { readOverview } from '../../toolkit/dataset/overview.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { inside } from '../../toolkit/files/inside.ts';
import type { EvaluationIntervals } from '../../toolkit/verdict/evaluation-intervals.ts';
import { type OverviewByStem, overviewByStem } from '../../toolkit/verdict/patients.ts';
import type { LabelTranslation } from './label-translation.ts';

/** Absolute folders of an evaluation. */
export interface EvaluationFolders {
  /** The record: overview and annotations; images for the figures of single ROIs. */
  readonly data: string;
  /** Holds the predictions themselves. */
  readonly predictions: string;
  /** Gets metrics/ and figures/. */
  readonly out: string;
  /** Label of the paper for every value of a mask, where the masks have values of their own. */
  readonly labels?: LabelTranslation;
}

export interface Evaluated<Metrics> {
  readonly metrics: Metrics;
  readonly intervals: EvaluationIntervals;
  readonly images: number;
  /** The same numbers of the predictions that the record publishes, where it has those of every image. */
  readonly published?: Metrics;
  /** What the numbers or the figures leave out, a sentence each. */
  readonly remarks: readonly string[];
}

/** Writes `metrics/<task>.json` and, beside it, how sure its numbers are. */
export async function writeMetrics(
  out: string,
  task: Task,
  metrics: unknown,
  intervals: EvaluationIntervals,
): Promise<void> {
  const write = (name: string, value: unknown) =>
    writeFileAtomic(join(out, 'metrics', name), `${JSON.stringify(value, null, 1)}\n`);
  await write(`${task}.json`, metrics);
  await write(`${task}.intervals.json`, intervals);
}

/** Whose images are whose patient's; where the record's overview is not there, every image is a patient of its own. */
export async function patientsOf(data: string): Promise<OverviewByStem> {
  const path = inside(data, OVERVIEW_FILE);
  return existsSync(path) ? overviewByStem(await readOverview(path)) : new Map();
}
