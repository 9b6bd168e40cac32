import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Task } from '../../config/tasks.ts';
import { Sha256 } from '../cache/file-digests.ts';
import { overviewFileIn } from '../dataset/layout.ts';
import { type OverviewByStem, overviewByStem, readOverview } from '../dataset/overview.ts';
import { sha256OfFile } from '../files/hash-file.ts';
import { type EvaluationSource, RESULTS } from '../results/results-folder.ts';
import type { Evaluated } from '../tasks/work.ts';
import { countsByPatient, type RoiCounts } from '../verdict/resampled-intervals.ts';
import type { PatientsFile } from '../verdict/verdict-file.ts';

/** What an evaluation stores so that it can be compared with another one. */
export interface EvaluationEvidence {
  readonly source: EvaluationSource;
  readonly counts: PatientsFile;
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

/** Reads the overview, which assigns images to patients. If it does not exist, every image counts as a separate patient. */
export async function patientsOf(data: string): Promise<OverviewByStem> {
  const path = await overviewFileIn(data);
  return existsSync(path) ? overviewByStem(await readOverview(path)) : new Map();
}
