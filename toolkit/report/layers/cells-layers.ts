import type { CellTask } from '../../../config/tasks.ts';
import { ReigniteError } from '../../errors.ts';
import { imageSize } from '../../image/open-image.ts';
import { type CellPoint, readPoints } from '../../metrics/points-file.ts';
import { cellDefinition } from '../../tasks/registry.ts';
import { pairPoints } from '../../verdict/compare-roi.ts';
import { openPhoto } from './encode-layer.ts';
import { EDGES, type LayerWriter, type RoiLayers, SHARES } from './layers-file.ts';
import { HotspotFinder, pointsDrawing, READER_SHAPES } from './points-drawing.ts';

/** Sources of a detection image's layers. */
export interface CellsSources {
  readonly task: CellTask;
  /** Absolute paths. */
  readonly image: string;
  readonly published: string;
  readonly ours: string;
  readonly readers: readonly (readonly CellPoint[])[];
  /** Distance in px above which points of the same class differ. */
  readonly maxDistance: number;
  /** Number of classes. Default: that of the task. */
  readonly classes?: number | undefined;
}

/** Colours of points without counterpart: our points get an orange ring, published ones a black box. */
const EXTRA = '#d55e00';
const MISSING = '#000';

/**
 * Writes the layers of a detection image: image, readers' points, published points, our points, and the points of both
 * without counterpart.
 *
 * @param limit - Maximum bytes of all layers together.
 * @throws ReigniteError when the image or our points cannot be read.
 */
export async function drawCellsLayers(
  {
    task,
    image,
    published,
    ours,
    readers,
    maxDistance,
    classes: known = cellDefinition(task).classes.length,
  }: CellsSources,
  limit: number,
  writer: LayerWriter,
): Promise<Pick<RoiLayers, 'width' | 'height' | 'classes' | 'spots'>> {
  const size = await imageSize(image);
  const mine = (await pointsOrNone(task, ours, known)) ?? [];
  const theirs = await publishedPoints(task, published, known, mine, writer);
  const encode = await openPhoto(image, EDGES[0]);
  await writer.writeImage('image', limit * SHARES.image, Math.max(size.width, size.height), encode);
  const draw = (layer: 'truth' | 'published' | 'ours' | 'differ', groups: Parameters<typeof pointsDrawing>[1]) =>
    writer.writeDrawing(layer, limit * SHARES[layer === 'truth' ? 'readers' : 'points'], pointsDrawing(size, groups));
  await draw(
    'truth',
    readers.map((points, reader) => ({ shape: READER_SHAPES[reader % READER_SHAPES.length] ?? 'square', points })),
  );
  await draw('ours', [{ shape: 'triangle', points: mine }]);
  const finder = new HotspotFinder();
  if (theirs !== undefined) {
    await draw('published', [{ shape: 'triangle', points: theirs }]);
    const pairs = pairPoints(mine, theirs, maxDistance);
    const extra = without(mine, new Set(pairs.map((pair) => pair.ours)));
    const missing = without(theirs, new Set(pairs.map((pair) => pair.published)));
    for (const { x, y } of [...extra, ...missing]) finder.add(x, y);
    if (extra.length + missing.length > 0) {
      await draw('differ', [
        { shape: 'ring', points: extra, outline: EXTRA },
        { shape: 'box', points: missing, outline: MISSING },
      ]);
    }
  }
  const count = (points: readonly CellPoint[], label: number) => points.filter((each) => each.class === label).length;
  const classes = Array.from({ length: known }, (_, label) => ({
    label,
    truth: count(readers.flat(), label),
    published: theirs === undefined ? null : count(theirs, label),
    ours: count(mine, label),
  }));
  return { ...size, classes, spots: finder.spots() };
}

function without(points: readonly CellPoint[], paired: ReadonlySet<number>): readonly CellPoint[] {
  return points.filter((_, index) => !paired.has(index));
}

async function pointsOrNone(task: CellTask, path: string, classes: number): Promise<readonly CellPoint[] | undefined> {
  try {
    return await readPoints(path, task, classes);
  } catch (error) {
    if (error instanceof ReigniteError && error.code === 'FILE_MISSING') return undefined;
    throw error;
  }
}

/**
 * Reads the published points. The authors write no file for an image without points, so that a missing file agrees with
 * ours if we found none either.
 */
async function publishedPoints(
  task: CellTask,
  path: string,
  classes: number,
  mine: readonly CellPoint[],
  writer: LayerWriter,
): Promise<readonly CellPoint[] | undefined> {
  try {
    const found = await pointsOrNone(task, path, classes);
    if (found === undefined && mine.length > 0) writer.notes.push('There are no published points for this image.');
    return found ?? (mine.length === 0 ? [] : undefined);
  } catch (error) {
    if (!(error instanceof ReigniteError) || error.retryable) throw error;
    writer.notes.push(`The published points cannot be read (${error.code}).`);
    return undefined;
  }
}
