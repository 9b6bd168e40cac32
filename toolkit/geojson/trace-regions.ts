import { doubleArea, type Ring, RingStore } from './rings.ts';

/** Directions along pixel edges. Adding one turns right as seen on a screen. */
const UP = 3;
const STEP_X = [1, 0, -1, 0] as const;
const STEP_Y = [0, 1, 0, -1] as const;
/** For each direction from a corner: the pixel ahead on the left, and the pixel ahead on the right. */
const AHEAD_LEFT = [
  [0, -1],
  [0, 0],
  [-1, 0],
  [-1, -1],
] as const;
const AHEAD_RIGHT = [
  [0, 0],
  [-1, 0],
  [-1, -1],
  [0, -1],
] as const;

/** Follows the borders of regions along pixel edges, with the region on the right. */
class RingTracer {
  readonly #runs: LabelRuns;
  readonly #regionOf: Int32Array;

  /** @param regionOf - Receives the region of every run whose left edge is passed. */
  constructor(runs: LabelRuns, regionOf: Int32Array) {
    this.#runs = runs;
    this.#regionOf = regionOf;
  }

  /**
   * Follows one border, starting upwards at the left edge of pixel (x, y). Pixels of the label that touch only at a corner
   * are not connected.
   *
   * @param onRing - Called with each simple ring of the border: corners from index `from` on. The array is reused
   *   afterwards.
   */
  trace(
    x: number,
    y: number,
    label: number,
    region: number,
    onRing: (corners: readonly number[], from: number) => void,
  ): void {
    const runs = this.#runs;
    const corners: number[] = [];
    /** Index of each corner at which the border may touch itself, by position. */
    const pinches = new Map<number, number>();
    let [atX, atY, heading] = [x, y, UP];
    this.#pass(atX, atY, region);
    for (;;) {
      const [leftX, leftY] = AHEAD_LEFT[heading] ?? AHEAD_LEFT[0];
      const [rightX, rightY] = AHEAD_RIGHT[heading] ?? AHEAD_RIGHT[0];
      const isLeft = runs.labelAt(atX + leftX, atY + leftY) === label;
      const isRight = runs.labelAt(atX + rightX, atY + rightY) === label;
      if (!isRight || isLeft) {
        if (isLeft && !isRight) cutAtPinch(corners, pinches, atX, atY, runs.width, onRing);
        else corners.push(atX, atY);
        heading = (heading + (isRight ? 3 : 1)) % 4;
      }
      if (heading === UP && atX === x && atY === y + 1) break;
      atX += STEP_X[heading] ?? 0;
      atY += STEP_Y[heading] ?? 0;
      if (heading === UP) this.#pass(atX, atY, region);
    }
    onRing(corners, 0);
  }

  #pass(x: number, y: number, region: number): void {
    this.#regionOf[this.#runs.runAt(x, y)] = region;
  }
}

/** Splits off a separate ring when a border passes a corner for the second time. */
function cutAtPinch(
  corners: number[],
  pinches: Map<number, number>,
  x: number,
  y: number,
  width: number,
  onRing: (corners: readonly number[], from: number) => void,
): void {
  const place = y * (width + 1) + x;
  const first = pinches.get(place);
  if (first === undefined) {
    pinches.set(place, corners.length);
    corners.push(x, y);
    return;
  }
  onRing(corners, first);
  corners.length = first + 2;
}

/** A connected region of one label: its pixels share edges, not only corners. */
export interface Region {
  readonly label: number;
  /** Outer border, counter-clockwise with y pointing upwards. */
  readonly exterior: Ring;
  /** Holes, clockwise with y pointing upwards. */
  readonly holes: readonly Ring[];
  /** Number of pixels. */
  readonly area: number;
}

const NO_REGION = -1;

/**
 * Finds the connected regions of a label mask and their exact outlines along pixel edges.
 *
 * Pixel (x, y) covers x to x + 1 and y to y + 1. Every ring is simple: if a border touches itself at a corner, it is split
 * into rings that touch there, as OGC Simple Features requires. The areas of all regions add up to the mask.
 *
 * Borders are traced from the left edges of runs in raster order. The first left edge of a region belongs to its outer
 * border, because the pixel above has another label. At the first left edge of a hole's border, the pixel above has the
 * same label, and its run belongs to the region around the hole. So no map of regions is needed, and memory is 8 bytes per
 * run and 8 bytes per corner.
 *
 * @param isWanted - Whether a label is traced.
 * @returns The regions, in raster order of their first pixels; coordinates in px.
 * @example
 * for (const { label, area } of traceRegions(mask, (value) => value > 0)) console.log(label, area);
 */
export function* traceRegions(mask: LabelMask, isWanted: (label: number) => boolean): Generator<Region> {
  const runs = new LabelRuns(mask);
  const regionOf = new Int32Array(runs.starts.length).fill(NO_REGION);
  const rings = new RingStore();
  const labels: number[] = [];
  const tracer = new RingTracer(runs, regionOf);
  for (let y = 0; y < runs.height; y++) {
    const { from, to } = runs.runsOf(y);
    for (let run = from; run < to; run++) {
      const x = runs.starts[run] ?? 0;
      const label = runs.labelAt(x, y);
      if (regionOf[run] !== NO_REGION || !isWanted(label)) continue;
      const isHole = runs.labelAt(x, y - 1) === label;
      const region = isHole ? (regionOf[runs.runAt(x, y - 1)] ?? NO_REGION) : labels.push(label) - 1;
      tracer.trace(x, y, label, region, (corners, first) => rings.add(region, corners, first));
    }
  }
  yield* regionsOf(rings, labels);
}

function* regionsOf(rings: RingStore, labels: readonly number[]): Generator<Region> {
  const { order, starts } = byRegion(rings, labels.length);
  for (const [region, label] of labels.entries()) {
    let exterior: Ring | undefined;
    const holes: Ring[] = [];
    let doubled = 0;
    for (let at = starts[region] ?? 0; at < (starts[region + 1] ?? 0); at++) {
      const ring = rings.ringAt(order[at] ?? 0);
      const area = doubleArea(ring);
      doubled += area;
      if (area < 0) holes.push(ring);
      else exterior = ring;
    }
    if (exterior === undefined) throw new RangeError(`Expected an outer border of region ${region}`);
    yield { label, exterior, holes, area: doubled / 2 };
  }
}

/** Sorts rings by region, those of one region in the order in which they were found. */
function byRegion(rings: RingStore, regions: number): { readonly order: Uint32Array; readonly starts: Uint32Array } {
  const starts = new Uint32Array(regions + 1);
  for (let ring = 0; ring < rings.count; ring++) {
    const next = rings.regionOf(ring) + 1;
    starts[next] = (starts[next] ?? 0) + 1;
  }
  for (let region = 0; region < regions; region++) {
    starts[region + 1] = (starts[region + 1] ?? 0) + (starts[region] ?? 0);
  }
  const next = starts.slice();
  const order = new Uint32Array(rings.count);
  for (let ring = 0; ring < rings.count; ring++) {
    const region = rings.regionOf(ring);
    const place = next[region] ?? 0;
    order[place] = ring;
    next[region] = place + 1;
  }
  return { order, starts };
}

/** A label mask, one byte per pixel, row by row. */
export interface LabelMask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Horizontal runs of equal labels in a mask, row by row from the upper left.
 *
 * The borders of regions are found and recorded by the left edges of runs, which takes 4 bytes per run instead of several
 * bytes per pixel.
 */
class LabelRuns {
  readonly width: number;
  readonly height: number;
  /** First column of every run, px. */
  readonly starts: Uint32Array;
  readonly #labels: Uint8Array;
  /** Index of the first run of every row, and at the end the number of runs. */
  readonly #rows: Uint32Array;

  constructor({ width, height, data }: LabelMask) {
    if (data.length !== width * height) throw new RangeError(`Expected ${width * height} labels, got ${data.length}`);
    this.width = width;
    this.height = height;
    this.#labels = data;
    this.#rows = new Uint32Array(height + 1);
    this.starts = new Uint32Array(this.#count());
    let run = 0;
    for (let y = 0; y < height; y++) {
      let before = -1;
      for (let x = 0, at = y * width; x < width; x++, at++) {
        const label = data[at] ?? 0;
        if (label !== before) this.starts[run++] = x;
        before = label;
      }
    }
  }

  /** Returns the indices of the runs of a row: the first, and the one after the last. */
  runsOf(y: number): { readonly from: number; readonly to: number } {
    return { from: this.#rows[y] ?? 0, to: this.#rows[y + 1] ?? 0 };
  }

  /** Returns the label of a pixel; -1 outside the mask. */
  labelAt(x: number, y: number): number {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return -1;
    return this.#labels[y * this.width + x] ?? -1;
  }

  /** Returns the index of the run that contains a pixel. */
  runAt(x: number, y: number): number {
    let low = this.#rows[y] ?? 0;
    let high = (this.#rows[y + 1] ?? 0) - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.starts[middle] ?? 0) <= x) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #count(): number {
    let count = 0;
    for (let y = 0; y < this.height; y++) {
      this.#rows[y] = count;
      let before = -1;
      for (let at = y * this.width, end = at + this.width; at < end; at++) {
        const label = this.#labels[at] ?? 0;
        if (label !== before) count++;
        before = label;
      }
    }
    this.#rows[this.height] = count;
    return count;
  }
}
