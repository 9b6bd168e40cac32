/** Most cells along an axis; the far border is a cell of its own. */
const CELLS = 64;
const STRIDE = CELLS + 1;

/**
 * Boxes in the order in which they are added, with a grid over them so that a box is compared only with those near it.
 * Areas and overlaps are float32 as torchvision computes them.
 */
export class OverlapGrid {
  readonly #corners: Float32Array;
  readonly #areas: Float32Array;
  readonly #cells: readonly number[][] = Array.from({ length: STRIDE * STRIDE }, () => []);
  readonly #left: number;
  readonly #top: number;
  readonly #side: number;
  /** Rank of each added box; the best overlapping one is that of the lowest. */
  readonly #ranks: Int32Array;
  #size = 0;

  /** @param corners - All boxes that may be added or asked about, n x 4: x1, y1, x2, y2; finite, 2^22 at most. */
  constructor(corners: Float32Array) {
    const count = corners.length / 4;
    this.#corners = corners;
    this.#areas = new Float32Array(count);
    this.#ranks = new Int32Array(count);
    const extent = { left: 0, top: 0, right: 0, bottom: 0, sides: 0 };
    for (let index = 0; index < count; index++) {
      const at = 4 * index;
      const x1 = corners[at] ?? 0;
      const y1 = corners[at + 1] ?? 0;
      const x2 = corners[at + 2] ?? 0;
      const y2 = corners[at + 3] ?? 0;
      this.#areas[index] = Math.fround(x2 - x1) * Math.fround(y2 - y1);
      extent.left = Math.min(extent.left, x1);
      extent.top = Math.min(extent.top, y1);
      extent.right = Math.max(extent.right, x2);
      extent.bottom = Math.max(extent.bottom, y2);
      extent.sides += Math.abs(x2 - x1) + Math.abs(y2 - y1);
    }
    this.#left = extent.left;
    this.#top = extent.top;
    const longest = Math.max(extent.right - extent.left, extent.bottom - extent.top);
    this.#side = Math.max(longest / CELLS, extent.sides / (2 * count || 1), 1);
  }

  /** Boxes added. */
  get size(): number {
    return this.#size;
  }

  add(index: number): void {
    this.#ranks[index] = this.#size++;
    const { top, bottom, left, right } = this.#rangeOf(index);
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) this.#cells[row * STRIDE + column]?.push(index);
    }
  }

  /**
   * The first added box whose IoU with this one is above `iou`.
   *
   * @param iou - At least 0: boxes that do not meet are never found.
   */
  firstOverlapping(index: number, iou: number): number | undefined {
    let found: number | undefined;
    let rank = this.#size;
    const { top, bottom, left, right } = this.#rangeOf(index);
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        for (const other of this.#cells[row * STRIDE + column] ?? []) {
          const otherRank = this.#ranks[other] ?? 0;
          if (otherRank >= rank) break;
          if (this.#iou(other, index) > iou) {
            found = other;
            rank = otherRank;
            break;
          }
        }
      }
    }
    return found;
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

  /** Rows and columns of the cells that a box touches, both ends included. */
  #rangeOf(index: number) {
    const at = 4 * index;
    return {
      left: this.#cellAt((this.#corners[at] ?? 0) - this.#left),
      top: this.#cellAt((this.#corners[at + 1] ?? 0) - this.#top),
      right: this.#cellAt((this.#corners[at + 2] ?? 0) - this.#left),
      bottom: this.#cellAt((this.#corners[at + 3] ?? 0) - this.#top),
    };
  }

  #cellAt(distance: number): number {
    return Math.floor(distance / this.#side);
  }
}
