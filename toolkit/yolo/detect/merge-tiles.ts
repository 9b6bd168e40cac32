import type { Rectangle, SeenTile } from './image-views.ts';

/** A box that was kept in its tile, in px of the image. */
export interface KeptBox {
  /** Number of the tile. */
  readonly tile: number;
  readonly label: number;
  readonly score: number;
  readonly box: Rectangle;
}

/**
 * Outcome of a box: kept, replaced by another one (its index), or dropped at a seam because the tile that owns its position
 * detected nothing there.
 */
export type MergeOutcome = 'kept' | 'seam' | number;

/** Boxes of the same class in two tiles with at least this IoU belong to one object. */
const SAME_OBJECT = 0.3;
/** The same for boxes of different classes. */
const SAME_OBJECT_OF_OTHER_CLASS = 0.6;
/** A box that ends within this distance of the border of its tile, px, counts as cut off. */
const NEAR_BORDER = 2;
/** A cut-off box is part of an object in another tile if at least this share of it is inside that tile's box. */
const PART_OF = 0.7;

/**
 * Merges the boxes of overlapping tiles, so that every object is counted once.
 *
 * Boxes of different tiles that overlap are grouped, the best pairs first and at most one box per tile. From each group,
 * the box is kept that is not cut off at the border of its tile, then the one whose centre its tile owns (is nearest to),
 * then the first. A box without a partner is kept only if its tile owns its centre; otherwise the tile that sees this
 * position better detected nothing there.
 *
 * @param iou - Of boxes of the same class that overlap by more than this, only one is kept, as within a tile.
 * @returns The outcomes, in the order of `boxes`.
 */
export function mergeTiles(boxes: readonly KeptBox[], tiles: readonly SeenTile[], iou: number): MergeOutcome[] {
  const seen = boxes.map((box) => seenBox(box, tiles));
  const near = neighbours(boxes);
  const outcomes: MergeOutcome[] = clustersOf(boxes, near)
    .flatMap((cluster) => outcomesOf(cluster, seen))
    .sort(([a], [b]) => a - b)
    .map(([, outcome]) => outcome);
  dropParts(boxes, seen, near, outcomes);
  dropOverlapping(boxes, near, outcomes, iou);
  return followed(outcomes);
}

/** Returns whether a box ends at the border of its tile although the image continues. */
export function isCutOff({ box, tile }: KeptBox, tiles: readonly SeenTile[]): boolean {
  const itsTile = tiles[tile];
  if (itsTile === undefined) return false;
  const { covers, owns } = itsTile;
  return [0, 1, 2, 3].some((side) => {
    const isInner = Number.isFinite(owns[side] ?? 0);
    return isInner && Math.abs((box[side] ?? 0) - (covers[side] ?? 0)) <= NEAR_BORDER;
  });
}

interface Seen {
  readonly isOwned: boolean;
  readonly isCut: boolean;
}

function seenBox(kept: KeptBox, tiles: readonly SeenTile[]): Seen {
  const [x1, y1, x2, y2] = kept.box;
  const [left, top, right, bottom] = tiles[kept.tile]?.owns ?? [0, 0, 0, 0];
  const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
  return { isOwned: x >= left && x < right && y >= top && y < bottom, isCut: isCutOff(kept, tiles) };
}

interface Pair {
  readonly a: number;
  readonly b: number;
  readonly iou: number;
}

/** Groups the boxes of each object, at most one per tile, starting with the best pairs. */
function clustersOf(boxes: readonly KeptBox[], near: readonly Pair[]): readonly (readonly number[])[] {
  const isSame = (pair: Pair) => boxes[pair.a]?.label === boxes[pair.b]?.label;
  const pairs = near
    .filter((pair) => pair.iou >= (isSame(pair) ? SAME_OBJECT : SAME_OBJECT_OF_OTHER_CLASS))
    .map((pair) => ({ ...pair, rank: pair.iou + (isSame(pair) ? 1 : 0) }))
    .sort((p, q) => q.rank - p.rank || p.a - q.a || p.b - q.b);
  const clusterOf = boxes.map((_, index) => [index]);
  for (const { a, b } of pairs) {
    const [one = [], other = []] = [clusterOf[a], clusterOf[b]];
    if (one === other) continue;
    const tilesOfOne = new Set(one.map((index) => boxes[index]?.tile));
    if (other.some((index) => tilesOfOne.has(boxes[index]?.tile))) continue;
    one.push(...other);
    for (const index of other) clusterOf[index] = one;
  }
  return [...new Set(clusterOf)];
}

function outcomesOf(cluster: readonly number[], seen: readonly Seen[]): (readonly [number, MergeOutcome])[] {
  const rank = (index: number) => (seen[index]?.isCut ? 0 : 2) + (seen[index]?.isOwned ? 1 : 0);
  const [best = 0, ...others] = [...cluster].sort((a, b) => rank(b) - rank(a) || a - b);
  // If no tile owns any of the boxes, the tiles place the object's centre differently. The object is kept if at least two
  // tiles detected it and the best box is not cut off.
  const isOwned = cluster.some((index) => seen[index]?.isOwned);
  const isWhole = others.length > 0 && seen[best]?.isCut === false;
  return [[best, isOwned || isWhole ? 'kept' : 'seam'], ...others.map((index) => [index, best] as const)];
}

/** Drops boxes that are cut-off parts of an object that another tile sees completely. */
function dropParts(
  boxes: readonly KeptBox[],
  seen: readonly Seen[],
  near: readonly Pair[],
  outcomes: MergeOutcome[],
): void {
  for (const { a, b } of near) {
    for (const [part, whole] of [
      [a, b],
      [b, a],
    ] as const) {
      const [inner, outer] = [boxes[part], boxes[whole]];
      if (inner === undefined || outer === undefined || inner.label !== outer.label) continue;
      if (outcomes[part] !== 'kept' || outcomes[whole] !== 'kept' || !seen[part]?.isCut || seen[whole]?.isCut) continue;
      if (intersection(inner.box, outer.box) >= PART_OF * area(inner.box)) outcomes[part] = whole;
    }
  }
}

/** Drops overlapping boxes of a class, like non-maximum suppression within one tile. */
function dropOverlapping(
  boxes: readonly KeptBox[],
  near: readonly Pair[],
  outcomes: MergeOutcome[],
  iou: number,
): void {
  const sorted = near.filter((pair) => pair.iou > iou && boxes[pair.a]?.label === boxes[pair.b]?.label);
  const score = (index: number) => boxes[index]?.score ?? 0;
  for (const { a, b } of sorted.sort((p, q) => Math.max(score(q.a), score(q.b)) - Math.max(score(p.a), score(p.b)))) {
    if (outcomes[a] !== 'kept' || outcomes[b] !== 'kept') continue;
    const [better, worse] = score(a) >= score(b) ? [a, b] : [b, a];
    outcomes[worse] = better;
  }
}

/** Follows chains of replaced boxes, so that every replaced box names the one that was kept in the end. */
function followed(outcomes: MergeOutcome[]): MergeOutcome[] {
  return outcomes.map((outcome) => {
    let at = outcome;
    for (let step = 0; typeof at === 'number' && typeof outcomes[at] === 'number' && step < outcomes.length; step++) {
      at = outcomes[at] ?? at;
    }
    return at;
  });
}

/** Finds all pairs of intersecting boxes from different tiles, using a grid. */
function neighbours(boxes: readonly KeptBox[]): readonly Pair[] {
  const sides = boxes.map(({ box: [x1, y1, x2, y2] }) => Math.max(x2 - x1, y2 - y1)).sort((a, b) => a - b);
  const step = Math.max(16, 2 * (sides[Math.floor(sides.length / 2)] ?? 0));
  const buckets = new Map<string, number[]>();
  const pairs: Pair[] = [];
  for (const [index, { tile, box }] of boxes.entries()) {
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = box.map((value) => Math.floor(value / step));
    for (let y = y1; y <= y2; y++) {
      for (let x = x1; x <= x2; x++) {
        const key = `${x} ${y}`;
        const bucket = buckets.get(key) ?? [];
        for (const other of bucket) {
          const neighbour = boxes[other];
          if (neighbour === undefined || neighbour.tile === tile) continue;
          // A pair that shares several buckets is added in the first of them only.
          const isFirst =
            x === Math.max(x1, Math.floor(neighbour.box[0] / step)) &&
            y === Math.max(y1, Math.floor(neighbour.box[1] / step));
          const shared = intersection(box, neighbour.box);
          if (isFirst && shared > 0)
            pairs.push({ a: other, b: index, iou: shared / (area(box) + area(neighbour.box) - shared) });
        }
        bucket.push(index);
        buckets.set(key, bucket);
      }
    }
  }
  return pairs;
}

function intersection(a: Rectangle, b: Rectangle): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

function area([x1, y1, x2, y2]: Rectangle): number {
  return Math.max(0, x2 - x1) * Math.max(0, y2 - y1);
}
