import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { CELL_TASKS, type Task } from '../../config/tasks.ts';
import { readersFileIn } from '../dataset/layout.ts';
import { readersOn, readReaderAnnotations } from '../dataset/readers-annotations.ts';
import { ReigniteError } from '../errors.ts';
import { temporaryPathBeside } from '../files/atomic-write.ts';
import { statIfThere, unlessMissing } from '../files/file-access.ts';
import { inside, makeFolder } from '../files/folders.ts';
import { encodeLabels } from '../image/encode-png.ts';
import { type CellPoint, readPoints } from '../metrics/points-file.ts';
import { writeNpy } from '../numpy.ts';
import { type CellsSources, drawCellsLayers } from '../report/layers/cells-layers.ts';
import { bytesPerRoi, EDGES, LayerWriter, MAX_VIEWED, type RoiLayers } from '../report/layers/draw-layers.ts';
import { drawTissueLayers } from '../report/layers/tissue-layers.ts';
import { Slide, slideOverview } from '../slide/read/slide.ts';
import { taskNamed } from '../tasks/task-named.ts';
import type { ComparedTask } from './compare-sides.ts';
import { reducedMasks, withSlideMasks } from './compare-slides.ts';
import type { Side, SideSlide, SideTask } from './read-side.ts';

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
  const listed = await unlessMissing(taskNamed(task).listRois(data));
  return new Map(
    (listed ?? []).map(({ roi, image, truth }): [string, RoiSources] => [
      roi,
      { image: inside(data, image), truth: inside(data, truth) },
    ]),
  );
}

async function readersIn(task: (typeof CELL_TASKS)[number], data: string) {
  const annotations = await unlessMissing(readReaderAnnotations(inside(data, await readersFileIn(data, task)), task));
  if (annotations === undefined) return undefined;
  const ids = new Map(annotations.images.map(({ id, stem }) => [stem, id]));
  return (roi: string) => {
    const id = ids.get(roi);
    return id === undefined ? [] : readersOn(annotations, id);
  };
}

/** A slide has more cells than an image, so that its layers may have this many times the bytes. */
const CELLS_SHARE = 6;

/** A slide whose layers are drawn. */
interface DrawnSlide {
  readonly slide: SideSlide;
  /** Absolute path of the slide, which may have been moved. */
  readonly image: string | undefined;
  /** Absolute paths of the masks, or of the points. */
  readonly published: string;
  readonly ours: string;
}

/**
 * Writes the layers of two masks of a slide, reduced to the size of a page.
 *
 * @throws ReigniteError FILE_MISSING, FILE_DAMAGED for masks that cannot be read.
 */
async function drawSlideTissue(
  { slide, image, published, ours }: DrawnSlide,
  limit: number,
  writer: LayerWriter,
): Promise<Drawn> {
  return inTemporaryFolder(writer, async (folder) => {
    const reduced = await withSlideMasks(published, ours, (masks) => reducedMasks(masks, EDGES[0]));
    if (typeof reduced === 'string') throw new ReigniteError('NOT_COMPARABLE', reduced);
    const { width, height, step } = reduced;
    const [a, b] = [join(folder, 'a.png'), join(folder, 'b.png')];
    await encodeLabels(a, { width, height, data: reduced.a });
    await encodeLabels(b, { width, height, data: reduced.b });
    if (step > 1)
      writer.notes.push(`A pixel shows ${step} x ${step} px of the masks, and differs if any of them does.`);
    const picture = await overviewOf(image, slide, { width, height }, join(folder, 'image.png'), writer);
    return drawTissueLayers({ image: picture, published: a, ours: b }, limit, writer);
  });
}

/**
 * Writes the layers of the cells of a slide, at the size of a page.
 *
 * @param of.maxDistance - Distance in px, of the image as the network saw it, above which cells of the same class
 * differ.
 * @throws ReigniteError FILE_MISSING, NPY_INVALID for points that cannot be read.
 */
async function drawSlideCells(
  {
    task,
    slide,
    image,
    published,
    ours,
    maxDistance,
    classes,
  }: DrawnSlide & Pick<CellsSources, 'task' | 'maxDistance' | 'classes'>,
  limit: number,
  writer: LayerWriter,
): Promise<Drawn> {
  return inTemporaryFolder(writer, async (folder) => {
    const factor = Math.min(1, EDGES[0] / Math.max(slide.width, slide.height));
    const size = { width: Math.ceil(slide.width * factor), height: Math.ceil(slide.height * factor) };
    const path = join(folder, 'image.png');
    const picture = (await overviewOf(image, slide, size, path, writer)) ?? (await blank(size, path));
    const [a, b] = [join(folder, 'a.npy'), join(folder, 'b.npy')];
    await writeScaled({ task, classes }, published, factor, a);
    await writeScaled({ task, classes }, ours, factor, b);
    const within = (maxDistance * factor * slide.width) / slide.seen.width;
    const sources = { task, image: picture, published: a, ours: b, readers: [], maxDistance: within, classes };
    const drawn = await drawCellsLayers(sources, CELLS_SHARE * limit, writer);
    // If one of the layers is missing, a hotspot would look as if that side had no cells.
    const isWhole = writer.files.published !== undefined && writer.files.ours !== undefined;
    return isWhole ? drawn : { ...drawn, spots: [] };
  });
}

/**
 * Writes a small picture of a slide. If the slide is missing or cannot be read, returns the picture of the prediction,
 * or adds a note and returns undefined.
 */
async function overviewOf(
  image: string | undefined,
  { width, height, picture }: SideSlide,
  size: { readonly width: number; readonly height: number },
  path: string,
  writer: LayerWriter,
): Promise<string | undefined> {
  const slide = image === undefined ? undefined : await openIfThere(image);
  if (slide === undefined) {
    if (picture !== undefined && (await statIfThere(picture)) !== undefined) return picture;
    writer.notes.push('The layer "image" is missing: the slide is no longer at its path.');
    return undefined;
  }
  try {
    if (slide.width !== width || slide.height !== height) return picture;
    const overview = await slideOverview(slide);
    const raw = { width: overview.width, height: overview.height, channels: 3 as const };
    await sharp(overview.data, { raw })
      .resize({ ...size, fit: 'fill' })
      .png({ compressionLevel: 1 })
      .toFile(path);
    return path;
  } finally {
    await slide.close();
  }
}

async function openIfThere(image: string): Promise<Slide | undefined> {
  try {
    return await Slide.open(image);
  } catch (error) {
    if (error instanceof ReigniteError && !error.retryable) return undefined;
    throw error;
  }
}

async function blank(size: { readonly width: number; readonly height: number }, path: string): Promise<string> {
  await sharp({ create: { ...size, channels: 3, background: '#ffffff' } })
    .png()
    .toFile(path);
  return path;
}

async function writeScaled(
  { task, classes }: Pick<CellsSources, 'task' | 'classes'>,
  from: string,
  factor: number,
  to: string,
): Promise<void> {
  if ((await statIfThere(from)) === undefined) return;
  const points = await readPoints(from, task, classes);
  const data = Float32Array.from(points.flatMap(({ x, y, class: of }) => [x * factor, y * factor, of]));
  await writeNpy(to, { dtype: 'float32', shape: [points.length, 3], data });
}

/** Runs `work` with a temporary folder next to the layers. */
async function inTemporaryFolder<Result>(
  writer: LayerWriter,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = temporaryPathBeside(writer.folder);
  await makeFolder(folder);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
