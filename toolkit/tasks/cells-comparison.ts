import type { CellTask } from '../../config/tasks.ts';
import type { CellPoint } from '../dataset/cell-point.ts';
import { folderOf, readersFile } from '../dataset/layout.ts';
import { readReaderAnnotations } from '../dataset/readers-annotations.ts';
import { ReigniteError } from '../errors.ts';
import { inside } from '../files/inside.ts';
import { readPoints } from '../metrics/points-file.ts';
import { addCellsUncertainty } from '../verdict/cells-uncertainty.ts';
import { comparePoints } from '../verdict/compare-points.ts';
import { type JudgedImage, judgeCells } from '../verdict/judge-cells.ts';
import { overviewByStem } from '../verdict/patients.ts';
import { scoredImage } from '../verdict/scored-image.ts';
import { readCandidatesFile } from '../yolov5/candidates-file.ts';
import { CANDIDATES, pointsOf } from './cells-files.ts';
import type { Comparison, ComparisonInput, RoiToCompare } from './kind.ts';
import { publishedOr } from './published-prediction.ts';
import { entryOf } from './work.ts';

/** Compares our points with the published ones. */
export async function compareCells(task: CellTask, input: ComparisonInput): Promise<Comparison> {
  const { rois, overview, verdict: config, work } = input;
  const images: JudgedImage[] = [];
  for (const roi of rois) {
    work.signal.throwIfAborted();
    images.push(await compareImage(task, roi, input));
    work.report({ phase: 'comparing', done: images.length, of: rois.length, roi: roi.planned.roi });
  }
  const annotations = await readReaderAnnotations(inside(work.data, readersFile(task)), task);
  const judged = { images, annotations, overview: overviewByStem(overview), config };
  return addCellsUncertainty(judgeCells({ task, ...judged }), judged);
}

async function compareImage(
  task: CellTask,
  { planned, failure }: RoiToCompare,
  { work, verdict }: ComparisonInput,
): Promise<JudgedImage> {
  const { roi } = planned;
  if (failure !== undefined) return { roi, reason: `There is no prediction of ours (${failure}).` };
  const entry = await entryOf(work.cache, planned);
  const ours = await pointsOf(work.cache, entry, task);
  const candidates = await readCandidatesFile(work.cache.pathOf(entry.key, CANDIDATES));
  const path = inside(work.data, `${folderOf('inference', task)}/${roi}.npy`);
  const published = await publishedOr(work.data, () => publishedPoints(path, task, ours.length));
  if (published.kind === 'unreadable') return { roi, reason: published.reason };
  const comparison = comparePoints(scoredImage(roi, ours, candidates), published.read, verdict.cells);
  return { roi, comparison, published: published.read, ours };
}

/** The authors write no file for an image without a point: where ours has none either, that is agreement. */
async function publishedPoints(path: string, task: CellTask, ours: number): Promise<readonly CellPoint[]> {
  try {
    return await readPoints(path, task);
  } catch (error) {
    if (ours === 0 && error instanceof ReigniteError && error.code === 'FILE_MISSING') return [];
    throw error;
  }
}
