/**
 * Reorders `order[first..last)` so that `nth` holds the item that sorting would put there, with smaller ones before it
 * and larger ones after it. Reproduces `std::nth_element` of GNU libstdc++ step by step.
 *
 * The order *within* both parts matters, which the C++ standard leaves open: scikit-learn's trees list their points in
 * it, so that it decides which of two equally near points the authors' code uses. The steps are those of libstdc++'s
 * introselect: quickselect with the median of three as pivot, heap selection if 2·log2(n) partitions are not enough,
 * insertion sort of the last three.
 *
 * @param order - Indices into `values`; changed in place.
 * @param values - Sort keys; equal values are ordered by index.
 */
function nthElement(order: Int32Array, values: Float64Array, first: number, nth: number, last: number): void {
  if (first === last || nth === last) return;
  let begin = first;
  let end = last;
  let partitionsLeft = 2 * (31 - Math.clz32(last - first));
  while (end - begin > 3) {
    if (partitionsLeft === 0) {
      heapSelect(order, values, begin, nth + 1, end);
      swap(order, begin, nth);
      return;
    }
    partitionsLeft--;
    const cut = partitionAroundMedian(order, values, begin, end);
    if (cut <= nth) begin = cut;
    else end = cut;
  }
  insertionSort(order, values, begin, end);
}

function isBefore(values: Float64Array, a: number, b: number): boolean {
  const valueA = values[a] ?? 0;
  const valueB = values[b] ?? 0;
  return valueA === valueB ? a < b : valueA < valueB;
}

function swap(order: Int32Array, one: number, other: number): void {
  const saved = order[one] ?? 0;
  order[one] = order[other] ?? 0;
  order[other] = saved;
}

/** Moves the median of the second, middle and last item to the front and partitions the others around it. */
function partitionAroundMedian(order: Int32Array, values: Float64Array, begin: number, end: number): number {
  const middle = begin + ((end - begin) >> 1);
  swap(order, begin, medianOf(order, values, begin + 1, middle, end - 1));
  const pivot = order[begin] ?? 0;
  let left = begin + 1;
  let right = end;
  for (;;) {
    while (isBefore(values, order[left] ?? 0, pivot)) left++;
    right--;
    while (isBefore(values, pivot, order[right] ?? 0)) right--;
    if (left >= right) return left;
    swap(order, left, right);
    left++;
  }
}

function medianOf(order: Int32Array, values: Float64Array, a: number, b: number, c: number): number {
  const atA = order[a] ?? 0;
  const atB = order[b] ?? 0;
  const atC = order[c] ?? 0;
  if (isBefore(values, atA, atB)) {
    if (isBefore(values, atB, atC)) return b;
    return isBefore(values, atA, atC) ? c : a;
  }
  if (isBefore(values, atA, atC)) return a;
  return isBefore(values, atB, atC) ? c : b;
}

/** Leaves the smallest `middle - begin` items in `[begin, middle)` as a heap, the largest of them first. */
function heapSelect(order: Int32Array, values: Float64Array, begin: number, middle: number, end: number): void {
  const size = middle - begin;
  for (let parent = (size - 2) >> 1; parent >= 0; parent--) {
    siftDown(order, values, begin, parent, size, order[begin + parent] ?? 0);
  }
  for (let k = middle; k < end; k++) {
    const item = order[k] ?? 0;
    if (!isBefore(values, item, order[begin] ?? 0)) continue;
    order[k] = order[begin] ?? 0;
    siftDown(order, values, begin, 0, size, item);
  }
}

/** Moves the hole at `start` down along the larger children, then moves `item` up from there. */
function siftDown(
  order: Int32Array,
  values: Float64Array,
  begin: number,
  start: number,
  size: number,
  item: number,
): void {
  let hole = start;
  let child = 2 * hole + 2;
  for (; child < size; child = 2 * hole + 2) {
    if (isBefore(values, order[begin + child] ?? 0, order[begin + child - 1] ?? 0)) child--;
    order[begin + hole] = order[begin + child] ?? 0;
    hole = child;
  }
  if (child === size) {
    order[begin + hole] = order[begin + child - 1] ?? 0;
    hole = child - 1;
  }
  let parent = (hole - 1) >> 1;
  while (hole > start && isBefore(values, order[begin + parent] ?? 0, item)) {
    order[begin + hole] = order[begin + parent] ?? 0;
    hole = parent;
    parent = (hole - 1) >> 1;
  }
  order[begin + hole] = item;
}

function insertionSort(order: Int32Array, values: Float64Array, begin: number, end: number): void {
  for (let k = begin + 1; k < end; k++) {
    const item = order[k] ?? 0;
    let at = k;
    for (; at > begin && isBefore(values, item, order[at - 1] ?? 0); at--) {
      order[at] = order[at - 1] ?? 0;
    }
    order[at] = item;
  }
}

/** A leaf holds 40 to 80 points, as by default in scikit-learn. */
const LEAF_SIZE = 40;

/** Points found around a position, in the order of the tree. Overwritten by the next query. */
export interface Neighbours {
  readonly count: number;
  /** Indices into the points given to the tree; only the first `count` entries are valid. */
  readonly indices: Int32Array;
  /** Distances in px; only the first `count` entries are valid. */
  readonly distances: Float64Array;
}

/**
 * scikit-learn's ball tree for 2D points, with the same order of points and the same rounding.
 *
 * The order is part of the paper's matching: of equally near predictions, the authors' code uses the one that
 * `BallTree.query_radius` lists first. The points are halved along the axis of larger spread (x if equal) until a leaf
 * would hold fewer than 40. Each halving reorders the points like {@link nthElement}, and leaves are visited from left
 * to right. Up to 80 points form one leaf, in the order given.
 *
 * @see scikit-learn 1.9.1, `_binary_tree.pxi.tp`, `_ball_tree.pyx.tp`
 */
export class BallTree {
  readonly size: number;
  /** Indices of the points, leaf by leaf. */
  readonly order: Int32Array;
  readonly #nodes: number;
  /** Coordinates in the order of the leaves. */
  readonly #x: Float64Array;
  readonly #y: Float64Array;
  readonly #start: Int32Array;
  readonly #end: Int32Array;
  readonly #centreX: Float64Array;
  readonly #centreY: Float64Array;
  readonly #radius: Float64Array;
  readonly #found: { count: number; indices: Int32Array; distances: Float64Array };

  /** @param points - Finite coordinates in px. */
  constructor(points: readonly { readonly x: number; readonly y: number }[]) {
    this.size = points.length;
    this.order = new Int32Array(this.size);
    this.#nodes = nodeCount(this.size);
    this.#start = new Int32Array(this.#nodes);
    this.#end = new Int32Array(this.#nodes);
    this.#centreX = new Float64Array(this.#nodes);
    this.#centreY = new Float64Array(this.#nodes);
    this.#radius = new Float64Array(this.#nodes);
    const x = new Float64Array(this.size);
    const y = new Float64Array(this.size);
    for (let k = 0; k < this.size; k++) {
      this.order[k] = k;
      x[k] = points[k]?.x ?? 0;
      y[k] = points[k]?.y ?? 0;
    }
    if (this.size > 0) this.#build(x, y, 0, 0, this.size);
    this.#x = inOrder(x, this.order);
    this.#y = inOrder(y, this.order);
    this.#found = { count: 0, indices: new Int32Array(this.size), distances: new Float64Array(this.size) };
  }

  /** Finds the points at most `radius` px from (x, y). The result is valid until the next call. */
  within(x: number, y: number, radius: number): Neighbours {
    this.#found.count = 0;
    if (this.size > 0) this.#visit(0, x, y, radius);
    return this.#found;
  }

  /**
   * Builds a node: its centre is the mean of its points, summed in their order before they are halved, its radius the
   * largest distance from the centre.
   */
  #build(x: Float64Array, y: Float64Array, node: number, start: number, end: number): void {
    this.#start[node] = start;
    this.#end[node] = end;
    let sumX = 0;
    let sumY = 0;
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let k = start; k < end; k++) {
      const atX = x[this.order[k] ?? 0] ?? 0;
      const atY = y[this.order[k] ?? 0] ?? 0;
      sumX += atX;
      sumY += atY;
      if (atX < left) left = atX;
      if (atX > right) right = atX;
      if (atY < top) top = atY;
      if (atY > bottom) bottom = atY;
    }
    const centreX = sumX / (end - start);
    const centreY = sumY / (end - start);
    let largest = 0;
    for (let k = start; k < end; k++) {
      const squared = squaredDistance(centreX, centreY, x[this.order[k] ?? 0] ?? 0, y[this.order[k] ?? 0] ?? 0);
      if (squared > largest) largest = squared;
    }
    this.#centreX[node] = centreX;
    this.#centreY[node] = centreY;
    this.#radius[node] = Math.sqrt(largest);
    if (this.#isLeaf(node)) return;
    const middle = start + ((end - start) >> 1);
    nthElement(this.order, bottom - top > right - left ? y : x, start, middle, end);
    this.#build(x, y, 2 * node + 1, start, middle);
    this.#build(x, y, 2 * node + 2, middle, end);
  }

  #isLeaf(node: number): boolean {
    return 2 * node + 1 >= this.#nodes;
  }

  /**
   * Skips balls that are wholly outside and collects all points of those wholly inside, with the bounds rounded as in
   * scikit-learn.
   */
  #visit(node: number, x: number, y: number, radius: number): void {
    const toCentre = Math.sqrt(squaredDistance(x, y, this.#centreX[node] ?? 0, this.#centreY[node] ?? 0));
    const ball = this.#radius[node] ?? 0;
    if (toCentre - ball > radius) return;
    const isInside = toCentre + ball <= radius;
    if (isInside || this.#isLeaf(node)) {
      this.#collect(node, x, y, isInside ? Number.POSITIVE_INFINITY : radius * radius);
      return;
    }
    this.#visit(2 * node + 1, x, y, radius);
    this.#visit(2 * node + 2, x, y, radius);
  }

  #collect(node: number, x: number, y: number, limit: number): void {
    const found = this.#found;
    const end = this.#end[node] ?? 0;
    for (let k = this.#start[node] ?? 0; k < end; k++) {
      const squared = squaredDistance(x, y, this.#x[k] ?? 0, this.#y[k] ?? 0);
      if (squared > limit) continue;
      found.indices[found.count] = this.order[k] ?? 0;
      found.distances[found.count] = Math.sqrt(squared);
      found.count++;
    }
  }
}

function inOrder(values: Float64Array, order: Int32Array): Float64Array {
  const sorted = new Float64Array(values.length);
  for (let k = 0; k < sorted.length; k++) sorted[k] = values[order[k] ?? 0] ?? 0;
  return sorted;
}

function squaredDistance(x1: number, y1: number, x2: number, y2: number): number {
  const dx = x1 - x2;
  const dy = y1 - y2;
  return dx * dx + dy * dy;
}

/** Returns the number of nodes of a complete tree whose leaves hold 40 to 80 points each. */
function nodeCount(points: number): number {
  let nodes = 1;
  for (let leaves = 2; (points - 1) / LEAF_SIZE >= leaves; leaves *= 2) nodes = 2 * nodes + 1;
  return nodes;
}
