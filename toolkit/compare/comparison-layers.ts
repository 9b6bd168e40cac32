import { CELL_TASKS, type Task } from '../../config/tasks.ts';
import type { CellPoint } from '../dataset/cell-point.ts';
import { readersFileIn } from '../dataset/find-files.ts';
import { readersOn, readReaderAnnotations } from '../dataset/readers-annotations.ts';
import { ReigniteError } from '../errors.ts';
import { inside } from '../files/inside.ts';
import { drawCellsLayers } from '../report/layers/cells-layers.ts';
import { bytesPerRoi, LayerWriter, MAX_VIEWED, type RoiLayers } from '../report/layers/layers-file.ts';
import { drawTissueLayers } from '../report/layers/tissue-layers.ts';
import { taskNamed } from '../tasks/task-named.ts';
import type { ComparedTask } from './compare-sides.ts';
import type { Side, SideTask } from './side.ts';
import { drawSlideCells, drawSlideTissue } from './slide-layers.ts';

/** Files of an ROI that come from the record, not from the two sides. */
interface RoiSources {
  readonly image?: string | undefined;
  readonly truth?: string | undefined;
}

/**
 * Draws the layers of the ROIs that differ most for the viewer: image, ground truth, A, B, and the differences between
 * A and B.
 *
 * @param out - Absolute folder of the comparison; layers are written to its report/assets.
 * @param maxDistance - Distance in px above which points of the same class differ.
 */
export async function drawComparedLayers(
  out: string,
  a: Side,
  b: Side,
  tasks: readonly ComparedTask[],
  maxDistance: number,
  signal: AbortSignal,
): Promise<readonly RoiLayers[]> {
  const wanted = tasks
    .flatMap(({ task, rois }) => rois.map(({ roi, difference }) => ({ task, roi, difference: difference ?? -1 })))
    .sort((one, other) => other.difference - one.difference)
    .slice(0, MAX_VIEWED);
  const limit = bytesPerRoi(wanted.length);
  const layers: RoiLayers[] = [];
  for (const { task } of tasks) {
    const [one, other] = [a.tasks.get(task), b.tasks.get(task)];
    if (one === undefined || other === undefined) continue;
    const draw = await drawerOf(task, one, other, b.data ?? a.data, maxDistance);
    for (const { roi } of wanted.filter((each) => each.task === task)) {
      signal.throwIfAborted();
      const drawn = await draw(roi, limit, new LayerWriter(out, task, roi));
      if (drawn !== undefined) layers.push(drawn);
    }
  }
  return layers;
}

type Drawn = Pick<RoiLayers, 'width' | 'height' | 'classes' | 'spots'>;

/** Input for drawing ROIs. */
interface DrawnSides {
  readonly task: Task;
  readonly a: SideTask;
  readonly b: SideTask;
  readonly sources: ReadonlyMap<string, RoiSources>;
  readonly readers: ((roi: string) => readonly (readonly CellPoint[])[]) | undefined;
  readonly maxDistance: number;
}

type Draw = (roi: string, limit: number, writer: LayerWriter) => Promise<RoiLayers | undefined>;

async function drawerOf(
  task: Task,
  a: SideTask,
  b: SideTask,
  data: string | undefined,
  maxDistance: number,
): Promise<Draw> {
  const sources = await sourcesIn(task, data);
  const cells = CELL_TASKS.find((each) => each === task);
  const readers = cells === undefined || data === undefined ? undefined : await readersIn(cells, data);
  const of: DrawnSides = { task, a, b, sources, readers, maxDistance };
  return async (roi, limit, writer) => {
    try {
      const drawn = await drawLayers(of, roi, limit, writer);
      return { task, roi, ...drawn, files: writer.files, notes: writer.notes };
    } catch (error) {
      if (error instanceof ReigniteError && !error.retryable) return undefined;
      throw error;
    }
  };
}

function drawLayers(
  { task, a, b, sources, readers, maxDistance }: DrawnSides,
  roi: string,
  limit: number,
  writer: LayerWriter,
): Promise<Drawn> {
  const cells = CELL_TASKS.find((each) => each === task);
  const { image = b.images.get(roi) ?? a.images.get(roi), truth } = sources.get(roi) ?? {};
  const sides = { published: a.predictions.get(roi) ?? '', ours: b.predictions.get(roi) ?? '' };
  const classes = classesOf(a, b);
  const slide = b.slides?.get(roi) ?? a.slides?.get(roi);
  if (slide !== undefined) {
    const of = { slide, image, ...sides };
    return cells === undefined
      ? drawSlideTissue(of, limit, writer)
      : drawSlideCells({ task: cells, ...of, maxDistance, classes }, limit, writer);
  }
  if (cells === undefined) return drawTissueLayers({ image, truth, ...sides }, limit, writer);
  const of = { task: cells, image: image ?? '', ...sides, readers: readers?.(roi) ?? [], maxDistance, classes };
  return drawCellsLayers(of, limit, writer);
}

/** Returns the number of classes of custom detectors, of the side that has more; undefined if both use the task's. */
function classesOf(a: SideTask, b: SideTask): number | undefined {
  const own = [a, b].flatMap(({ labelNames }) => (labelNames === undefined ? [] : [labelNames.length]));
  return own.length === 0 ? undefined : Math.max(...own);
}

/** Returns images and ground truth of a record by ROI; empty if the record is not on disk. */
async function sourcesIn(task: Task, data: string | undefined): Promise<ReadonlyMap<string, RoiSources>> {
  if (data === undefined) return new Map();
  const listed = await orNothing(taskNamed(task).listRois(data));
  return new Map(
    (listed ?? []).map(({ roi, image, truth }): [string, RoiSources] => [
      roi,
      { image: inside(data, image), truth: inside(data, truth) },
    ]),
  );
}

async function readersIn(task: (typeof CELL_TASKS)[number], data: string) {
  const annotations = await orNothing(readReaderAnnotations(inside(data, await readersFileIn(data, task)), task));
  if (annotations === undefined) return undefined;
  const ids = new Map(annotations.images.map(({ id, stem }) => [stem, id]));
  return (roi: string) => {
    const id = ids.get(roi);
    return id === undefined ? [] : readersOn(annotations, id);
  };
}

async function orNothing<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ReigniteError && error.code === 'FILE_MISSING') return undefined;
    throw error;
  }
}
