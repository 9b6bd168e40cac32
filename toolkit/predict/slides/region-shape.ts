/** x and y in px; more numbers, such as z, are allowed and not used. */
export type Position = readonly number[];
/** The outer border, then the holes. */
export type Polygon = readonly (readonly Position[])[];

interface Frame {
  readonly width: number;
  readonly height: number;
}

/** Number of sides visited in all slices together, about a second of work, up to which there is a slice between any two corners. */
const MAX_VISITS = 10_000_000;
/** Number of equal slices in which a region with more visits is measured. */
const EVEN_SLICES = 4_096;
/** Number of slices in which an outline that crosses itself is measured at least. */
const FINE_SLICES = 1_024;
/** Relative difference from which two areas of a region are not the same one measured with rounding. */
const SAME_AREA = 0.01;

/** Area of a region that the user drew, px². */
export interface RegionArea {
  /** The part on the slide. */
  readonly area: number;
  /** What is unusual about the outline, as the end of a sentence; undefined if nothing is. */
  readonly remark?: string;
}

/**
 * Returns a function that tests whether a point is in one of the polygons: inside an odd number of its rings.
 *
 * @example pointTest([[[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]])(3, 4) // true
 */
export function pointTest(polygons: readonly Polygon[]): (x: number, y: number) => boolean {
  const tests = polygons.map(polygonTest);
  return (x, y) => tests.some((isInside) => isInside(x, y));
}

function polygonTest(rings: Polygon): (x: number, y: number) => boolean {
  const { left, top, right, bottom } = boundsOf([rings]);
  return (x, y) => {
    if (x < left || x > right || y < top || y > bottom) return false;
    let isInside = false;
    for (const ring of rings) {
      for (let at = 0, before = ring.length - 1; at < ring.length; before = at++) {
        const [x1 = 0, y1 = 0] = ring[at] ?? [];
        const [x2 = 0, y2 = 0] = ring[before] ?? [];
        if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) isInside = !isInside;
      }
    }
    return isInside;
  };
}

/**
 * Computes the area in which cells of a region are counted. The usual formula is right only for outlines that do not
 * cross, with holes inside and parts side by side; for others, the area that {@link pointTest} accepts is measured.
 */
export function areaOfRegion(polygons: readonly Polygon[], frame: Frame): RegionArea {
  const drawn = polygons.reduce((sum, rings) => sum + areaOfPolygon(rings), 0);
  const measured = measuredArea(polygons);
  const isCrossed = Math.abs(drawn - measured) > SAME_AREA * Math.max(Math.abs(drawn), measured);
  const all = isCrossed ? measuredArea(polygons, { slices: FINE_SLICES }) : drawn;
  if (all === 0) return { area: 0, remark: 'has no area' };
  const area = isOn(frame, polygons) ? all : measuredArea(polygons, { frame, slices: isCrossed ? FINE_SLICES : 1 });
  if (area === 0) return { area, remark: 'is outside the slide' };
  if (area < (1 - SAME_AREA) * all) {
    const part = `${Math.max(1, Math.round((100 * area) / all))} %`;
    return { area, remark: `is only partly on the slide (${part}); its area is that of this part` };
  }
  return isCrossed ? { area, remark: 'crosses itself; its area was measured where its cells are counted' } : { area };
}

function isOn({ width, height }: Frame, polygons: readonly Polygon[]): boolean {
  const { left, top, right, bottom } = boundsOf(polygons);
  return left >= 0 && top >= 0 && right <= width && bottom <= height;
}

/** Returns the area of the first ring minus the holes. */
function areaOfPolygon([outer = [], ...holes]: Polygon): number {
  return areaOfRing(outer) - holes.reduce((sum, hole) => sum + areaOfRing(hole), 0);
}

function areaOfRing(ring: readonly Position[]): number {
  let doubled = 0;
  for (const [at, [x1 = 0, y1 = 0]] of ring.entries()) {
    const [x2 = 0, y2 = 0] = ring[(at + 1) % ring.length] ?? [];
    doubled += x1 * y2 - x2 * y1;
  }
  return Math.abs(doubled) / 2;
}

function boundsOf(polygons: readonly Polygon[]) {
  const bounds = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const [x = 0, y = 0] of polygons.flat(2)) {
    bounds.left = Math.min(bounds.left, x);
    bounds.right = Math.max(bounds.right, x);
    bounds.top = Math.min(bounds.top, y);
    bounds.bottom = Math.max(bounds.bottom, y);
  }
  return bounds;
}

/** A side of a polygon, from its upper to its lower end. */
interface Edge {
  readonly polygon: number;
  readonly top: number;
  readonly bottom: number;
  readonly xAt: (y: number) => number;
  /** Returns the height at which it crosses a vertical line, if it does. */
  readonly crossingsOf: (x: number) => readonly number[];
}

/**
 * Measures the area in which a point is inside one of the polygons, in slices between their corners: exact where no sides
 * cross within a slice.
 *
 * @param options.frame - Only the part inside of it is measured.
 * @param options.slices - Minimum number of slices.
 */
function measuredArea(
  polygons: readonly Polygon[],
  { frame, slices = 1 }: { readonly frame?: Frame; readonly slices?: number } = {},
): number {
  const edges = polygons.flatMap(edgesOf).sort((a, b) => a.top - b.top);
  const cuts = cutsOf(edges, frame, slices);
  let area = 0;
  let next = 0;
  let open: Edge[] = [];
  for (let at = 1; at < cuts.length; at++) {
    const [top = 0, bottom = 0] = [cuts[at - 1], cuts[at]];
    const middle = (top + bottom) / 2;
    for (let edge = edges[next]; edge !== undefined && edge.top <= middle; edge = edges[++next]) open.push(edge);
    open = open.filter((edge) => edge.bottom > middle);
    area += (bottom - top) * lengthInside(open, middle, frame?.width);
  }
  return area;
}

function edgesOf(rings: Polygon, polygon: number): Edge[] {
  return rings.flatMap((ring) =>
    ring.flatMap(([x1 = 0, y1 = 0], at) => {
      const [x2 = 0, y2 = 0] = ring[(at + 1) % ring.length] ?? [];
      if (y1 === y2) return [];
      const xAt = (y: number) => x1 + ((x2 - x1) * (y - y1)) / (y2 - y1);
      const crossingsOf = (x: number) => (x1 < x === x2 < x ? [] : [y1 + ((y2 - y1) * (x - x1)) / (x2 - x1)]);
      return [{ polygon, top: Math.min(y1, y2), bottom: Math.max(y1, y2), xAt, crossingsOf }];
    }),
  );
}

/** Returns the sorted heights between which the area is measured in slices. */
function cutsOf(edges: readonly Edge[], frame: Frame | undefined, slices: number): readonly number[] {
  const within = (y: number) => (frame === undefined ? y : Math.min(frame.height, Math.max(0, y)));
  // Between these heights, no side crosses the left or right border of the frame.
  const borders = frame === undefined ? [] : [0, frame.width];
  const ends = edges.flatMap(({ top, bottom, crossingsOf }) => [top, bottom, ...borders.flatMap(crossingsOf)]);
  const heights = [...new Set(ends.map(within))].sort((a, b) => a - b);
  const [first = 0, last = 0] = [heights[0], heights.at(-1)];
  const indices = new Map(heights.map((height, at) => [height, at]));
  const indexOf = (y: number) => indices.get(within(y)) ?? 0;
  const visits = edges.reduce((sum, { top, bottom }) => sum + indexOf(bottom) - indexOf(top), 0);
  if (heights.length > EVEN_SLICES && visits > MAX_VISITS) return cutEvenly(first, last, EVEN_SLICES);
  const side = (last - first) / slices;
  return heights.flatMap((height, at) => {
    const above = heights[at - 1];
    return above === undefined ? [height] : cutEvenly(above, height, Math.ceil((height - above) / side)).slice(1);
  });
}

function cutEvenly(from: number, to: number, slices: number): readonly number[] {
  return Array.from({ length: slices + 1 }, (_, at) => (at === slices ? to : from + ((to - from) * at) / slices));
}

/** Returns the length of a horizontal line inside the polygons, between 0 and `width`. */
function lengthInside(edges: readonly Edge[], y: number, width: number | undefined): number {
  const crossings = edges.map(({ polygon, xAt }) => ({ polygon, x: xAt(y) })).sort((a, b) => a.x - b.x);
  const within = (x: number) => (width === undefined ? x : Math.min(width, Math.max(0, x)));
  const inside = new Set<number>();
  let length = 0;
  let start = 0;
  for (const { polygon, x } of crossings) {
    if (inside.size === 0) start = x;
    if (!inside.delete(polygon)) inside.add(polygon);
    if (inside.size === 0) length += within(x) - within(start);
  }
  return length;
}
