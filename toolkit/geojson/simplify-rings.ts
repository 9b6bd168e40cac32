import { doubleArea, type Ring, SegmentGrid } from './rings.ts';

/** Smallest tolerance that can smooth pixel edges, px. */
const FINEST = 0.5;
/** Rings with at most this many corners (rectangles) are not simplified. */
const FEWEST = 4;
/** Share of its area by which a ring may change. */
const AREA_SHARE = 0.1;

/**
 * Removes the corners of a polygon's rings that are within `tolerance` of the line without them (Douglas and Peucker).
 *
 * A valid polygon (OGC Simple Features) stays valid: a line is not used if it would touch another one, or if another ring
 * would end up on its other side. A ring whose area would change by more than a tenth is simplified less or not at all.
 * Neighbouring polygons are simplified separately, so their borders may no longer coincide.
 *
 * @param rings - Rings of one valid polygon, on whole pixels; each ring is simple.
 * @param tolerance - px.
 * @returns The rings in the same order, each with a subset of its corners.
 */
export function simplifyRings(rings: readonly Ring[], tolerance: number): readonly Ring[] {
  if (tolerance < FINEST || rings.every(({ from, to }) => (to - from) / 2 <= FEWEST)) return rings;
  const outlines = new Outlines(rings);
  return rings.map((_, ring) => outlines.simplify(ring, tolerance));
}

/** Corners `from` to `to` of a ring. At the end of the ring, `to` is the first corner again. */
interface Section {
  readonly ring: number;
  readonly from: number;
  readonly to: number;
}

/** The corners of a polygon, and which of them are kept. A segment has the number of the corner at which it starts. */
class Outlines {
  readonly #x: Int32Array;
  readonly #y: Int32Array;
  readonly #ringOf: Int32Array;
  /** First corner of every ring, and at the end the number of corners. */
  readonly #starts: readonly number[];
  /** The next kept corner of every corner. */
  readonly #next: Int32Array;
  readonly #isLeft: Uint8Array;
  readonly #grid: SegmentGrid;

  constructor(rings: readonly Ring[]) {
    const starts = [0];
    for (const { from, to } of rings) starts.push((starts.at(-1) ?? 0) + (to - from) / 2);
    const count = starts.at(-1) ?? 0;
    this.#starts = starts;
    this.#x = new Int32Array(count);
    this.#y = new Int32Array(count);
    this.#ringOf = new Int32Array(count);
    this.#next = new Int32Array(count);
    this.#isLeft = new Uint8Array(count);
    for (const [ring, { corners, from }] of rings.entries()) {
      const start = this.#startOf(ring);
      for (let corner = start; corner < this.#startOf(ring + 1); corner++) {
        this.#x[corner] = corners[from + 2 * (corner - start)] ?? 0;
        this.#y[corner] = corners[from + 2 * (corner - start) + 1] ?? 0;
        this.#ringOf[corner] = ring;
      }
      this.#restore(ring);
    }
    this.#grid = new SegmentGrid(boundsOf(this.#x, this.#y), count);
    for (let corner = 0; corner < count; corner++) this.#addSegment(corner);
  }

  /** Simplifies a ring by `tolerance`, and halves it until the area stays about the same. */
  simplify(ring: number, tolerance: number): Ring {
    const exact = this.#ringAt(ring);
    for (let finer = tolerance; finer >= FINEST; finer /= 2) {
      this.#flatten(ring, finer);
      const simple = this.#ringAt(ring);
      const before = doubleArea(exact);
      if (Math.abs(doubleArea(simple) - before) <= AREA_SHARE * Math.abs(before)) return simple;
      this.#restore(ring);
    }
    return exact;
  }

  #flatten(ring: number, tolerance: number): void {
    const [start, end] = [this.#startOf(ring), this.#startOf(ring + 1)];
    if (end - start <= FEWEST) return;
    const middle = this.#farthestFromFirst(start, end);
    const open: Section[] = [
      { ring, from: start, to: middle },
      { ring, from: middle, to: end },
    ];
    for (let section = open.pop(); section !== undefined; section = open.pop()) {
      const { from, to } = section;
      if (to - from < 2) continue;
      const { corner, distance } = this.#farthestFromLine(section);
      if (distance <= tolerance && this.#mayCut(section, tolerance)) this.#cut(section);
      else open.push({ ring, from, to: corner }, { ring, from: corner, to });
    }
  }

  #cut({ ring, from, to }: Section): void {
    this.#isLeft.fill(0, from + 1, to);
    this.#next[from] = this.#cornerAt(ring, to);
    this.#addSegment(from);
  }

  /** Returns whether a section can be replaced by a straight line that touches no other segment and crosses no ring. */
  #mayCut(section: Section, tolerance: number): boolean {
    const { ring, from, to } = section;
    const [x1, y1, x2, y2] = this.#line(from, this.#cornerAt(ring, to));
    const isOther = (corner: number) => this.#isLeft[corner] === 1 && (corner < from || corner >= to);
    const isFree = this.#grid.everyNear(x1, y1, x2, y2, 0, (corner) => {
      return !isOther(corner) || !touch([x1, y1, x2, y2], this.#line(corner, this.#next[corner] ?? 0));
    });
    if (!isFree || this.#starts.length === 2) return isFree;
    // Everything between the section and the line is within the tolerance of the line.
    const passed = new Set<number>();
    return this.#grid.everyNear(x1, y1, x2, y2, tolerance, (corner) => {
      const other = this.#ringOf[corner] ?? 0;
      if (other === ring || passed.has(other) || !isOther(corner)) return true;
      const side = this.#sideOf(section, corner);
      // A corner at which the rings touch is not conclusive, but another one of the same ring is.
      if (side === 'on') return true;
      passed.add(other);
      return side === 'same';
    });
  }

  /** Returns whether a corner of another ring is on the same side of a section and of the line that replaces it. */
  #sideOf({ ring, from, to }: Section, corner: number): 'same' | 'other' | 'on' {
    const [x, y] = [this.#xOf(corner), this.#yOf(corner)];
    let isBetween = false;
    for (let at = from; at <= to; at++) {
      // The last edge is the straight line, backwards.
      const [x1, y1, x2, y2] =
        at < to ? this.#line(at, this.#cornerAt(ring, at + 1)) : this.#line(this.#cornerAt(ring, to), from);
      if (x1 === x && y1 === y) return 'on';
      if (y1 > y !== y2 > y && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1)) isBetween = !isBetween;
    }
    return isBetween ? 'other' : 'same';
  }

  #farthestFromFirst(start: number, end: number): number {
    let farthest = start + 1;
    let most = -1;
    for (let corner = start + 1; corner < end; corner++) {
      const distance = Math.hypot(this.#xOf(corner) - this.#xOf(start), this.#yOf(corner) - this.#yOf(start));
      if (distance > most) [farthest, most] = [corner, distance];
    }
    return farthest;
  }

  #farthestFromLine({ ring, from, to }: Section): { readonly corner: number; readonly distance: number } {
    const line = this.#line(from, this.#cornerAt(ring, to));
    let farthest = { corner: from + 1, distance: -1 };
    for (let corner = from + 1; corner < to; corner++) {
      const distance = distanceTo(line, this.#xOf(corner), this.#yOf(corner));
      if (distance > farthest.distance) farthest = { corner, distance };
    }
    return farthest;
  }

  #ringAt(ring: number): Ring {
    const corners: number[] = [];
    for (let corner = this.#startOf(ring); corner < this.#startOf(ring + 1); corner++) {
      if (this.#isLeft[corner] === 1) corners.push(this.#xOf(corner), this.#yOf(corner));
    }
    return { corners, from: 0, to: corners.length };
  }

  /** Restores all corners of a ring. */
  #restore(ring: number): void {
    const [start, end] = [this.#startOf(ring), this.#startOf(ring + 1)];
    this.#isLeft.fill(1, start, end);
    for (let corner = start; corner < end; corner++) this.#next[corner] = this.#cornerAt(ring, corner + 1);
  }

  #addSegment(corner: number): void {
    this.#grid.add(corner, ...this.#line(corner, this.#next[corner] ?? 0));
  }

  #line(from: number, to: number): Line {
    return [this.#xOf(from), this.#yOf(from), this.#xOf(to), this.#yOf(to)];
  }

  /** Returns the corner at an index; the end of a ring is its first corner. */
  #cornerAt(ring: number, corner: number): number {
    return corner === this.#startOf(ring + 1) ? this.#startOf(ring) : corner;
  }

  #startOf(ring: number): number {
    return this.#starts[ring] ?? 0;
  }

  #xOf(corner: number): number {
    return this.#x[corner] ?? 0;
  }

  #yOf(corner: number): number {
    return this.#y[corner] ?? 0;
  }
}

type Line = readonly [x1: number, y1: number, x2: number, y2: number];

function boundsOf(x: Int32Array, y: Int32Array) {
  const bounds = { left: x[0] ?? 0, top: y[0] ?? 0, right: x[0] ?? 0, bottom: y[0] ?? 0 };
  for (let corner = 1; corner < x.length; corner++) {
    bounds.left = Math.min(bounds.left, x[corner] ?? 0);
    bounds.right = Math.max(bounds.right, x[corner] ?? 0);
    bounds.top = Math.min(bounds.top, y[corner] ?? 0);
    bounds.bottom = Math.max(bounds.bottom, y[corner] ?? 0);
  }
  return bounds;
}

/** Computes the distance of a point from a line segment. */
function distanceTo([x1, y1, x2, y2]: Line, x: number, y: number): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / length));
  return Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
}

/** Returns whether two segments share more than a common end. */
function touch(a: Line, b: Line): boolean {
  const [ax1, ay1, ax2, ay2] = a;
  const [bx1, by1, bx2, by2] = b;
  if (ax1 === bx1 && ay1 === by1) return overlap(ax1, ay1, ax2, ay2, bx2, by2);
  if (ax1 === bx2 && ay1 === by2) return overlap(ax1, ay1, ax2, ay2, bx1, by1);
  if (ax2 === bx1 && ay2 === by1) return overlap(ax2, ay2, ax1, ay1, bx2, by2);
  if (ax2 === bx2 && ay2 === by2) return overlap(ax2, ay2, ax1, ay1, bx1, by1);
  const isApart = Math.max(ax1, ax2) < Math.min(bx1, bx2) || Math.max(bx1, bx2) < Math.min(ax1, ax2);
  const isAbove = Math.max(ay1, ay2) < Math.min(by1, by2) || Math.max(by1, by2) < Math.min(ay1, ay2);
  if (isApart || isAbove) return false;
  return (
    turn(ax1, ay1, ax2, ay2, bx1, by1) * turn(ax1, ay1, ax2, ay2, bx2, by2) <= 0 &&
    turn(bx1, by1, bx2, by2, ax1, ay1) * turn(bx1, by1, bx2, by2, ax2, ay2) <= 0
  );
}

/** Returns whether the segments from (x, y) to two other points have the same direction. */
function overlap(x: number, y: number, ax: number, ay: number, bx: number, by: number): boolean {
  return turn(x, y, ax, ay, bx, by) === 0 && (ax - x) * (bx - x) + (ay - y) * (by - y) > 0;
}

/** Returns on which side of the line through two points a third one is: -1, 0 (on it) or 1. Exact for whole pixels. */
function turn(x1: number, y1: number, x2: number, y2: number, x: number, y: number): number {
  return Math.sign((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1));
}
