import type { CellPoint } from '../../metrics/points-file.ts';
import { CELL_COLOURS_CSS } from '../../models/class-colours.ts';
import type { Spot } from './layers-file.ts';

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
export type Shape = keyof typeof SHAPES;
export const READER_SHAPES: readonly Shape[] = ['square', 'circle', 'diamond', 'hexagon', 'pentagon', 'plus'];

/** Points from one source, drawn with the same shape. */
export interface PointGroup {
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
export function pointsDrawing(
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

/** Maximum number of hotspots listed in the viewer. */
const MAX_HOTSPOTS = 12;
/** Side of a hotspot in px. */
const SIDE = 64;

/** Groups differences into square hotspots, largest first. */
export class HotspotFinder {
  readonly #squares = new Map<string, { x: number; y: number; count: number }>();

  /** @param x - Distance from the left edge in px; `y` from the upper edge. */
  add(x: number, y: number): void {
    const key = `${Math.floor(x / SIDE)} ${Math.floor(y / SIDE)}`;
    const square = this.#squares.get(key);
    if (square === undefined) this.#squares.set(key, { x, y, count: 1 });
    else {
      square.x += x;
      square.y += y;
      square.count++;
    }
  }

  spots(): Spot[] {
    return [...this.#squares.values()]
      .sort((a, b) => b.count - a.count || a.y - b.y || a.x - b.x)
      .slice(0, MAX_HOTSPOTS)
      .map(({ x, y, count }) => ({ x: Math.round(x / count), y: Math.round(y / count), count }));
  }
}
