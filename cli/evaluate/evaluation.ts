import { join } from 'node:path';
import type { Task } from '../../config/tasks.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
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
  readonly images: number;
  /** The same numbers of the predictions that the record publishes, where it has those of every image. */
  readonly published?: Metrics;
  /** What the numbers or the figures leave out, a sentence each. */
  readonly remarks: readonly string[];
}

export async function writeMetrics(out: string, task: Task, metrics: unknown): Promise<void> {
  await writeFileAtomic(join(out, 'metrics', `${task}.json`), `${JSON.stringify(metrics, null, 1)}\n`);
}
