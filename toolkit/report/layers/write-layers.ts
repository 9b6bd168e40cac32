import { ReigniteError } from '../../errors.ts';
import { taskNamed } from '../../tasks/task-named.ts';
import type { JudgedTask } from '../report-data.ts';
import { drawLayers } from './draw-layers.ts';
import { type DrawnRoi, MAX_VIEWED, type RoiLayers, readLayersFile } from './layers-file.ts';

export interface LayersOptions {
  /** Distance in px above which points of the same class differ, as in the verdict. */
  readonly maxDistance: number;
  /** Called after every ROI. */
  readonly onRoi: () => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Draws the layers of the report's viewer into report/assets, within the size limit of a report. Layers that were drawn
 * before from the same sources are kept.
 *
 * @param data - Absolute data folder. Without it, the existing layers are returned.
 * @returns The layers of every ROI that has any.
 */
export async function writeLayers(
  results: string,
  data: string | undefined,
  tasks: readonly JudgedTask[],
  { maxDistance, signal, onRoi }: LayersOptions,
): Promise<readonly RoiLayers[]> {
  const known = await readLayersFile(results);
  if (data === undefined) return known;
  const drawn = (await Promise.all(tasks.map((task) => roisOf(results, data, task, maxDistance)))).flat();
  const wanted = mostDifferent(drawn, tasks);
  return drawLayers(results, wanted, { known, signal, onRoi });
}

/** Returns all ROIs, or if there are too many, those whose predictions differ most, in their order. */
function mostDifferent(drawn: readonly DrawnRoi[], tasks: readonly JudgedTask[]): readonly DrawnRoi[] {
  if (drawn.length <= MAX_VIEWED) return drawn;
  const differences = new Map(
    tasks.flatMap(({ task, rois }) => rois.map(({ roi, difference }) => [`${task}/${roi}`, difference ?? -1] as const)),
  );
  const differenceOf = ({ task, roi }: DrawnRoi) => differences.get(`${task}/${roi}`) ?? -1;
  const chosen = new Set([...drawn].sort((a, b) => differenceOf(b) - differenceOf(a)).slice(0, MAX_VIEWED));
  return drawn.filter((each) => chosen.has(each));
}

async function roisOf(results: string, data: string, judged: JudgedTask, maxDistance: number): Promise<DrawnRoi[]> {
  try {
    const all = await taskNamed(judged.task).layers({ results, data }, maxDistance);
    const named = new Set(judged.rois.map(({ roi }) => roi));
    return all.filter(({ roi }) => named.has(roi));
  } catch (error) {
    if (error instanceof ReigniteError && error.code === 'FILE_MISSING') return [];
    throw error;
  }
}
