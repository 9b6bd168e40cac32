import type { Candidates } from './candidates.ts';

/** Maximum number of buckets along an axis. The far border gets one more. */
const BUCKETS = 64;
const STRIDE = BUCKETS + 1;
/** Initial number of list nodes per box, in all buckets together. */
const ROOM_PER_BOX = 4;

/**
 * Boxes in the order in which they were added, with a grid, so that a box is compared only with nearby ones. Areas and
 * overlaps are computed in float32, as in torchvision.
 *
 * The boxes of a bucket form a linked list in two flat arrays, because thousands of small arrays cost more than the search.
 */
class OverlapGrid {
  readonly #corners: Float32Array;
  readonly #areas: Float32Array;
  /** Per bucket: 1-based index of its first and last list node; 0 for an empty bucket. */
  readonly #first = new Int32Array(STRIDE * STRIDE);
  readonly #last = new Int32Array(STRIDE * STRIDE);
  /** List nodes: the index of the box, and the next node. */
  #box: Int32Array;
  #next: Int32Array;
  #entries = 0;
  readonly #left: number;
  readonly #top: number;
  readonly #side: number;
  /** Rank of each added box. The best overlapping box is the one with the lowest rank. */
  readonly #ranks: Int32Array;
  #size = 0;

  /** @param corners - All boxes that may be added or compared, n x 4: x1, y1, x2, y2; finite, n at most 2^22. */
  constructor(corners: Float32Array) {
    const count = corners.length / 4;
    this.#corners = corners;
    this.#areas = new Float32Array(count);
    this.#ranks = new Int32Array(count);
    this.#box = new Int32Array(ROOM_PER_BOX * count + 1);
    this.#next = new Int32Array(ROOM_PER_BOX * count + 1);
    let [left, top, right, bottom, sides] = [0, 0, 0, 0, 0];
    for (let index = 0; index < count; index++) {
      const at = 4 * index;
      const x1 = corners[at] ?? 0;
      const y1 = corners[at + 1] ?? 0;
      const x2 = corners[at + 2] ?? 0;
      const y2 = corners[at + 3] ?? 0;
      this.#areas[index] = Math.fround(x2 - x1) * Math.fround(y2 - y1);
      if (x1 < left) left = x1;
      if (y1 < top) top = y1;
      if (x2 > right) right = x2;
      if (y2 > bottom) bottom = y2;
      sides += Math.abs(x2 - x1) + Math.abs(y2 - y1);
    }
    this.#left = left;
    this.#top = top;
    this.#side = Math.max(Math.max(right - left, bottom - top) / BUCKETS, sides / (2 * count || 1), 1);
  }

  /** Number of boxes that were added. */
  get size(): number {
    return this.#size;
  }

  add(index: number): void {
    this.#ranks[index] = this.#size++;
    const at = 4 * index;
    const left = this.#column(at);
    const right = this.#column(at + 2);
    const bottom = this.#row(at + 3);
    for (let row = this.#row(at + 1); row <= bottom; row++) {
      for (let column = left; column <= right; column++) this.#append(row * STRIDE + column, index);
    }
  }

  /**
   * Finds the first added box whose IoU with this one is above `iou`.
   *
   * @param iou - At least 0; boxes without intersection are never found.
   */
  firstOverlapping(index: number, iou: number): number | undefined {
    const boxes = this.#box;
    const next = this.#next;
    const ranks = this.#ranks;
    let found = -1;
    let rank = this.#size;
    const at = 4 * index;
    const left = this.#column(at);
    const right = this.#column(at + 2);
    const bottom = this.#row(at + 3);
    for (let row = this.#row(at + 1); row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        let entry = this.#first[row * STRIDE + column] ?? 0;
        while (entry !== 0) {
          const other = boxes[entry] ?? 0;
          if ((ranks[other] ?? 0) >= rank) break;
          if (this.#iou(other, index) > iou) {
            found = other;
            rank = ranks[other] ?? 0;
            break;
          }
          entry = next[entry] ?? 0;
        }
      }
    }
    return found === -1 ? undefined : found;
  }

  #iou(one: number, other: number): number {
    const corners = this.#corners;
    const a = 4 * one;
    const b = 4 * other;
    const x1 = Math.max(corners[a] ?? 0, corners[b] ?? 0);
    const x2 = Math.min(corners[a + 2] ?? 0, corners[b + 2] ?? 0);
    if (x2 <= x1) return 0;
    const y1 = Math.max(corners[a + 1] ?? 0, corners[b + 1] ?? 0);
    const y2 = Math.min(corners[a + 3] ?? 0, corners[b + 3] ?? 0);
    if (y2 <= y1) return 0;
    const inter = Math.fround(Math.fround(x2 - x1) * Math.fround(y2 - y1));
    const both = Math.fround((this.#areas[one] ?? 0) + (this.#areas[other] ?? 0));
    return Math.fround(inter / Math.fround(both - inter));
  }

  #append(bucket: number, index: number): void {
    const entry = ++this.#entries;
    if (entry === this.#box.length) {
      this.#box = doubled(this.#box);
      this.#next = doubled(this.#next);
    }
    this.#box[entry] = index;
    const last = this.#last[bucket] ?? 0;
    if (last === 0) this.#first[bucket] = entry;
    else this.#next[last] = entry;
    this.#last[bucket] = entry;
  }

  #column(corner: number): number {
    return Math.floor(((this.#corners[corner] ?? 0) - this.#left) / this.#side);
  }

  #row(corner: number): number {
    return Math.floor(((this.#corners[corner] ?? 0) - this.#top) / this.#side);
  }
}

function doubled(values: Int32Array): Int32Array {
  const larger = new Int32Array(2 * values.length);
  larger.set(values);
  return larger;
}

/** Outcomes of a candidate. An index of another candidate means that it was suppressed by that one. */
export const NMS_OUTCOMES = { kept: -1, belowConfidence: -2, overLimit: -3 } as const;

/** Thresholds and limits of non-maximum suppression. */
export interface NmsOptions {
  /** Detection score that a box must exceed, 0 to 1, compared as float32. */
  readonly confidence: number;
  /** Boxes whose IoU with a better box is above this are suppressed, 0 to 1. */
  readonly iou: number;
  /** Maximum number of candidates considered, best first. @default 30,000, as in YOLOv5 */
  readonly maxCandidates?: number;
  /** Maximum number of boxes kept, best first. @default 1,500, as in the authors' scripts */
  readonly maxKept?: number;
}

/** The order of the candidates and the outcome of each. */
export interface NmsResult {
  /** Indices of all candidates, by score descending, equal scores by index. */
  readonly order: Uint32Array;
  /** Per candidate: one of `NMS_OUTCOMES`, or the index of the candidate that suppressed it. */
  readonly outcomes: Int32Array;
}

const MAX_CANDIDATES = 30_000;
const MAX_KEPT = 1_500;

/** Limits in both of the authors' scripts. */
export const SCRIPT_LIMITS = { maxCandidates: MAX_CANDIDATES, maxKept: MAX_KEPT } as const;

/** Limits that no network input reaches: all boxes are kept. Finite, so that they can be sent as JSON. */
export const NO_LIMITS = { maxCandidates: Number.MAX_SAFE_INTEGER, maxKept: Number.MAX_SAFE_INTEGER } as const;

/**
 * Applies non-maximum suppression over all classes together: keeps the best box, suppresses boxes that overlap it too
 * much, and repeats with the next best.
 *
 * Every step is rounded to float32 as in torchvision's kernel, so that an IoU close to the threshold is decided in the same
 * way. Unlike in YOLOv5, there is no time limit, and the order of equal scores is defined.
 *
 * @example
 * const { outcomes } = nms(candidates, { confidence: 0.5, iou: 0.6 });
 * @see `non_max_suppression` of YOLOv5 7.0; `nms_kernel.cpp` of torchvision 0.20
 */
export function nms(candidates: Candidates, options: NmsOptions): NmsResult {
  const { iou, maxCandidates = MAX_CANDIDATES, maxKept = MAX_KEPT } = options;
  const least = Math.fround(options.confidence);
  const order = byScore(candidates.scores);
  const outcomes = new Int32Array(candidates.count);
  const kept = new OverlapGrid(candidates.corners);
  let looked = 0;
  for (const index of order) {
    if (!((candidates.scores[index] ?? 0) > least)) outcomes[index] = NMS_OUTCOMES.belowConfidence;
    else if (looked++ >= maxCandidates) outcomes[index] = NMS_OUTCOMES.overLimit;
    else {
      const better = kept.firstOverlapping(index, iou);
      outcomes[index] = better ?? (kept.size < maxKept ? NMS_OUTCOMES.kept : NMS_OUTCOMES.overLimit);
      // A box beyond the limit may suppress others, which would have been beyond the limit too.
      if (better === undefined) kept.add(index);
    }
  }
  return { order, outcomes };
}

/** Sorts indices by score descending, equal scores by index. */
function byScore(scores: Float32Array): Uint32Array {
  // Positive floats sort like their bits. Score and index are packed into one exact number, which is fast to sort.
  const bits = new Uint32Array(scores.buffer, scores.byteOffset, scores.length);
  const keys = new Float64Array(bits.length);
  for (let index = 0; index < keys.length; index++) keys[index] = (0x7f80_0000 - (bits[index] ?? 0)) * 2 ** 22 + index;
  keys.sort();
  const order = new Uint32Array(keys.length);
  for (let place = 0; place < order.length; place++) order[place] = (keys[place] ?? 0) % 2 ** 22;
  return order;
}

/**
 * Which boxes may suppress each other: all (`together`, as in the paper's scripts), those of the same class (`by-class`, as
 * in Ultralytics and YOLOv5), or none (`none`, for a network that outputs one box per object).
 */
export type Suppression = 'together' | 'by-class' | 'none';

/** Offset in px by which Ultralytics and YOLOv5 move the boxes of different classes apart. */
const CLASS_DISTANCE = 7_680;

/** Applies non-maximum suppression of the given kind to the candidates of one tile. */
export function suppressed(candidates: Candidates, suppression: Suppression, options: NmsOptions): NmsResult {
  if (suppression === 'together') return nms(candidates, options);
  if (suppression === 'by-class') return nms(apart(candidates), options);
  return withoutSuppression(candidates, options);
}

/** Moves boxes so that those of different classes never intersect. Uses float32, with the same rounding as in Ultralytics. */
function apart(candidates: Candidates): Candidates {
  const { corners, classes } = candidates;
  return { ...candidates, corners: corners.map((value, at) => value + (classes[at >> 2] ?? 0) * CLASS_DISTANCE) };
}

/** Applies only the order, the confidence threshold and the limits of non-maximum suppression. */
function withoutSuppression(candidates: Candidates, options: NmsOptions): NmsResult {
  const corners = new Float32Array(candidates.corners.length);
  const { order, outcomes } = nms({ ...candidates, corners }, options);
  return { order, outcomes: outcomes.map((outcome) => (outcome >= 0 ? NMS_OUTCOMES.kept : outcome)) };
}
