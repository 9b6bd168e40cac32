import type { CellTask } from '../../../config/tasks.ts';
import { folderOf, readersFileIn } from '../../dataset/layout.ts';
import { type ReaderAnnotations, readReaderAnnotations } from '../../dataset/readers-annotations.ts';
import { ReigniteError } from '../../errors.ts';
import { inside } from '../../files/folders.ts';
import { DetectionMetrics } from '../../metrics/agreement-metrics.ts';
import { type CellPoint, readPoints } from '../../metrics/points-file.ts';
import { RESULTS } from '../../results/results-folder.ts';
import {
  boxCentreEntry,
  categoryIdsEntry,
  declaredSettingsEntry,
  type ImagePoints,
  type Metrics,
  overflowEntry,
  tieOrderEntry,
  timeLimitEntry,
} from '../../verdict/discrepancies/cells-entries.ts';
import type { DiscrepancyEntry } from '../../verdict/discrepancies/discrepancies-file.ts';
import { CellsVerdictFile } from '../../verdict/verdict-file.ts';
import type { DiscrepancyTask } from '../kind.ts';
import { publishedOr } from '../published-prediction.ts';
import { cellDefinition } from '../registry.ts';
import type { TaskWork } from '../work.ts';
import { declaredPoints } from './declared.ts';

type Folders = Pick<TaskWork, 'data' | 'results'>;

/** Measures where the authors' code for cells does something unexpected, over all cell tasks of the run. */
export async function cellsDiscrepancies(
  tasks: readonly DiscrepancyTask<CellTask>[],
  folders: Folders,
): Promise<DiscrepancyEntry[]> {
  if (tasks.length === 0) return [];
  const metrics: Metrics = {};
  const moved: Partial<Record<CellTask, number>> = {};
  const verdicts: CellsVerdictFile[] = [];
  const images: ImagePoints[] = [];
  const declared: DiscrepancyEntry[] = [];
  const categories: DiscrepancyEntry[] = [];
  for (const task of tasks) {
    const { name } = task;
    const annotations = await readReaderAnnotations(
      inside(folders.data, await readersFileIn(folders.data, name)),
      name,
    );
    metrics[name] = DetectionMetrics.parse(await RESULTS.metrics.read(folders.results, name));
    moved[name] = await movedBoxes(annotations, folders.data);
    verdicts.push(CellsVerdictFile.parse(await RESULTS.verdict.read(folders.results, name)));
    images.push(...(await pointsOfBoth(annotations, folders)));
    declared.push(...(await declaredEntries(task, folders)));
    if (cellDefinition(name).classes.length > 1) categories.push(...categoryIdsEntry(annotations));
  }
  return [
    ...declared,
    boxCentreEntry(metrics, moved),
    ...categories,
    overflowEntry(metrics, verdicts),
    tieOrderEntry(verdicts),
    timeLimitEntry(images),
  ];
}

async function declaredEntries(
  { name, measured }: DiscrepancyTask<CellTask>,
  folders: Folders,
): Promise<DiscrepancyEntry[]> {
  const { declared, ...definition } = cellDefinition(name);
  if (declared === undefined || measured.kind === 'nothing') return [];
  const points = measured.kind === 'measured' ? await declaredPoints(name, folders) : measured;
  return [declaredSettingsEntry({ ...definition, declared }, points)];
}

/** Counts the readers' points that the offset of the first box moves away from the centre of their own box. */
async function movedBoxes({ task, points: first }: ReaderAnnotations, data: string): Promise<number> {
  const own = await readReaderAnnotations(inside(data, await readersFileIn(data, task)), task, 'own');
  let moved = 0;
  for (const [reader, images] of first) {
    for (const [image, points] of images) {
      const others = own.points.get(reader)?.get(image) ?? [];
      moved += points.filter(({ x, y }, k) => x !== others[k]?.x || y !== others[k]?.y).length;
    }
  }
  return moved;
}

/**
 * Reads the published and reproduced points of every image. A missing file means no points, as in the record. Images
 * whose published file cannot be read are left out; the result is empty if no points are published at all.
 */
async function pointsOfBoth({ task, images }: ReaderAnnotations, { data, results }: Folders): Promise<ImagePoints[]> {
  const both: ImagePoints[] = [];
  let arePublished = false;
  for (const { stem } of images) {
    const file = `${folderOf('inference', task)}/${stem}.npy`;
    const published = await publishedOr(data, () => pointsIfThere(inside(data, file), task));
    if (published.kind === 'unreadable') continue;
    arePublished ||= published.read !== undefined;
    const ours = (await pointsIfThere(inside(results, file), task)) ?? [];
    both.push({ task, roi: stem, published: published.read ?? [], ours });
  }
  return arePublished ? both : [];
}

async function pointsIfThere(path: string, task: CellTask): Promise<readonly CellPoint[] | undefined> {
  try {
    return await readPoints(path, task);
  } catch (error) {
    if (error instanceof ReigniteError && error.code === 'FILE_MISSING') return undefined;
    throw error;
  }
}
