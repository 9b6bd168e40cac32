/**
 * A closed line: x, y, x, y, ... in px from index `from` to `to` of `corners`. The first corner is not repeated at the end.
 * Indices are used because a typed-array view per ring would take more memory than the corners of a million rings.
 */
export interface Ring {
  readonly corners: ArrayLike<number>;
  readonly from: number;
  readonly to: number;
}

const FIRST_CAPACITY = 4_096;

/**
 * Rings of many regions in two typed arrays, because millions of corners would not fit into memory as objects. Corners are
 * x, y in px. The first corner of a ring is not repeated at its end.
 */
export class RingStore {
  #corners = new Int32Array(2 * FIRST_CAPACITY);
  #used = 0;
  /** Region and end of every ring, alternating. */
  #rings = new Uint32Array(2 * FIRST_CAPACITY);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds a ring. @param corners - x, y, x, y, ..., from index `from` on. */
  add(region: number, corners: readonly number[], from = 0): void {
    const length = corners.length - from;
    while (this.#used + length > this.#corners.length) this.#corners = grown(this.#corners, Int32Array);
    if (2 * this.#count + 2 > this.#rings.length) this.#rings = grown(this.#rings, Uint32Array);
    for (let at = from; at < corners.length; at++) this.#corners[this.#used++] = corners[at] ?? 0;
    this.#rings[2 * this.#count] = region;
    this.#rings[2 * this.#count + 1] = this.#used;
    this.#count++;
  }

  regionOf(ring: number): number {
    return this.#rings[2 * ring] ?? 0;
  }

  /** Returns a ring, which is valid until the next one is added. */
  ringAt(ring: number): Ring {
    const from = ring === 0 ? 0 : (this.#rings[2 * ring - 1] ?? 0);
    return { corners: this.#corners, from, to: this.#rings[2 * ring + 1] ?? 0 };
  }
}

function grown<Numbers extends Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(
  before: Numbers,
  make: new (length: number) => Numbers,
): Numbers {
  const after = new make(2 * before.length);
  after.set(before);
  return after;
}

/**
 * Computes twice the signed area of a ring in px². It is positive if the ring is counter-clockwise with y pointing upwards,
 * which is clockwise on a screen, where y points downwards.
 */
export function doubleArea({ corners, from, to }: Ring): number {
  let sum = 0;
  for (let at = from; at < to; at += 2) {
    const next = at + 2 === to ? from : at + 2;
    sum += (corners[at] ?? 0) * (corners[next + 1] ?? 0) - (corners[next] ?? 0) * (corners[at + 1] ?? 0);
  }
  return sum;
}
