import { ReigniteError } from '../../errors.ts';
import { taskNamed } from '../../tasks/task-named.ts';
import type { JudgedTask } from '../report-data.ts';
import { drawLayers } from './draw-layers.ts';
import { MAX_VIEWED } from './layer-writer.ts';
import { type DrawnRoi, type RoiLayers, readLayersFile } from './layers-file.ts';

export interface LayersOptions {
  /** Points of one class farther apart than this many px differ, as in the verdict. */
  readonly maxDistance: number;
  /** Called after every ROI. */
  readonly onRoi: () => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Draws the layers that the report's viewer shows, small enough for all ROIs together, into report/assets. What was
 * drawn before of the same sources stays.
 *
 * @param data - Absolute data folder; without it the layers that are there already are listed.
 * @returns The layers of every ROI that has some.
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

/** All of them, or those whose predictions differ most, in their order. */
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
