import type { CellTask } from '../../../config/tasks.ts';
import { ReigniteError } from '../../errors.ts';
import { unlessMissing } from '../../files/file-access.ts';
import { imageSize } from '../../image/open-image.ts';
import { type CellPoint, readPoints } from '../../metrics/points-file.ts';
import { CELL_COLOURS_CSS } from '../../models/class-colours.ts';
import { cellDefinition } from '../../tasks/registry.ts';
import { pairPoints } from '../../verdict/compare-roi.ts';
import { EDGES, HotspotFinder, type LayerWriter, type RoiLayers, SHARES } from './draw-layers.ts';
import { openPhoto } from './encode-layer.ts';

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
  const mine = (await unlessMissing(readPoints(ours, task, known))) ?? [];
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
    const found = await unlessMissing(readPoints(path, task, classes));
    if (found === undefined && mine.length > 0) writer.notes.push('There are no published points for this image.');
    return found ?? (mine.length === 0 ? [] : undefined);
  } catch (error) {
    if (!(error instanceof ReigniteError) || error.retryable) throw error;
    writer.notes.push(`The published points cannot be read (${error.code}).`);
    return undefined;
  }
}

/** Outlines of about 12 px around (0, 0): shapes of readers as in the paper's figures, a triangle for the AI. */
const SHAPES = {
  square: 'M-5-5H5V5H-5Z',
  circle: 'M-6 0A6 6 0 1 0 6 0A6 6 0 1 0-6 0Z',
  diamond: 'M0-7L5 0L0 7L-5 0Z',
  hexagon: 'M-6 0L-3-5H3L6 0L3 5H-3Z',
  pentagon: 'M0-6L6-1L3 5H-3L-6-1Z',
  triangle: 'M0-6L6 5H-6Z',
  plus: 'M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z',
  ring: 'M-11 0A11 11 0 1 0 11 0A11 11 0 1 0-11 0Z',
  box: 'M-10-10H10V10H-10Z',
} as const;
type Shape = keyof typeof SHAPES;
const READER_SHAPES: readonly Shape[] = ['square', 'circle', 'diamond', 'hexagon', 'pentagon', 'plus'];

/** Points from one source, drawn with the same shape. */
interface PointGroup {
  readonly shape: Shape;
  readonly points: readonly CellPoint[];
  /**
   * Colour in which points of all classes are drawn as outlines. If missing, points are filled with the colour of their
   * class.
   */
  readonly outline?: string;
}

/**
 * Draws points as an SVG of the size of their image, with one path per shape and class whose vertices have markers.
 *
 * @param size - Size of the image in px.
 */
function pointsDrawing(
  { width, height }: { readonly width: number; readonly height: number },
  groups: readonly PointGroup[],
): string {
  const drawn = groups.map((group, index) => {
    const classes = group.outline === undefined ? labelsOf(group.points) : [undefined];
    return classes.map((label) => pathOf(group, label, `m${index}${label ?? ''}`)).join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}">${drawn.join('')}</svg>\n`;
}

/** Returns the labels of the paper's classes, then additional ones of a custom detector. */
function labelsOf(points: readonly CellPoint[]): readonly number[] {
  const own = new Set(points.map((point) => point.class).sort((one, other) => one - other));
  return [...new Set([...CELL_COLOURS_CSS.keys(), ...own])];
}

function pathOf({ shape, points, outline }: PointGroup, label: number | undefined, id: string): string {
  const marked = points.filter((point) => label === undefined || point.class === label);
  if (marked.length === 0) return '';
  const look =
    outline === undefined
      ? `fill="${CELL_COLOURS_CSS[label ?? 0] ?? 'grey'}" stroke="#000" stroke-width="1.3"`
      : `fill="none" stroke="${outline}" stroke-width="3"`;
  const places = marked.map(({ x, y }) => `${Math.round(x)} ${Math.round(y)}`).join('L');
  // Some browsers draw no end marker on a path of one point, so that it is repeated.
  const path = marked.length === 1 ? `M${places}L${places}` : `M${places}`;
  return `<marker id="${id}" markerUnits="userSpaceOnUse" overflow="visible"><path d="${SHAPES[shape]}" ${look}/></marker><path d="${path}" fill="none" marker-start="url(#${id})" marker-mid="url(#${id})" marker-end="url(#${id})"/>`;
}
