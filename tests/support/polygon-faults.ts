type Point = readonly [x: number, y: number];
/** As in GeoJSON: the first corner is repeated at the end. */
type ClosedRing = readonly Point[];

/**
 * Lists the faults of a polygon on whole pixels according to the OGC simple features. Compares every edge with every
 * other one, without any knowledge of how the polygon was made.
 *
 * Stricter in one respect: rings may touch only at corners of both.
 *
 * @param rings - The outer ring first.
 */
export function polygonFaults(rings: readonly ClosedRing[]): string[] {
  const faults = rings.flatMap((ring, index) => ringFaults(ring).map((fault) => `ring ${index}: ${fault}`));
  const touches: (readonly [number, number, string])[] = [];
  for (const [a, ring] of rings.entries()) {
    for (const [b, other] of rings.entries()) {
      if (b <= a) continue;
      if (edgesCross(ring, other)) faults.push(`rings ${a} and ${b} cross`);
      for (const corner of commonCorners(ring, other)) touches.push([a, b, corner]);
      const [inside, outside] = a === 0 ? [true, other] : [false, other];
      if (!liesWithin(outside, ring, inside)) faults.push(`ring ${b} is on the wrong side of ring ${a}`);
      if (a > 0 && !liesWithin(ring, other, false)) faults.push(`ring ${a} is in ring ${b}`);
    }
  }
  return isForest(touches) ? faults : [...faults, 'its inside is not connected'];
}

function ringFaults(ring: ClosedRing): string[] {
  const corners = ring.slice(0, -1);
  if (String(ring[0]) !== String(ring.at(-1))) return ['not closed'];
  if (corners.length < 3) return ['fewer than three corners'];
  if (new Set(corners.map(String)).size !== corners.length) return ['a corner twice'];
  const edges = edgesOf(ring);
  for (const [k, [a, b]] of edges.entries()) {
    for (const [m, [c, d]] of edges.entries()) {
      if (m <= k) continue;
      const areNeighbours = m === k + 1 || (k === 0 && m === edges.length - 1);
      const fault = areNeighbours ? meetBackwards(a, b, c, d) : haveCommonPoint(a, b, c, d);
      if (fault) return [`edges ${k} and ${m} meet`];
    }
  }
  return [];
}

function edgesOf(ring: ClosedRing): (readonly [Point, Point])[] {
  return ring.slice(1).map((end, k) => [ring[k] ?? end, end]);
}

/** Returns whether edges of two rings share more than a corner of both. */
function edgesCross(ring: ClosedRing, other: ClosedRing): boolean {
  const others = edgesOf(other);
  return edgesOf(ring).some(([a, b]) =>
    others.some(([c, d]) => {
      const isCorner = isSame(a, c) || isSame(a, d) || isSame(b, c) || isSame(b, d);
      return isCorner ? meetBackwards(a, b, c, d) : haveCommonPoint(a, b, c, d);
    }),
  );
}

/** Returns whether two edges with a common corner overlap. */
function meetBackwards(a: Point, b: Point, c: Point, d: Point): boolean {
  return [a, b].some((p) =>
    [c, d].some((q) => {
      if (!isSame(p, q)) return false;
      const [u, v] = [isSame(p, a) ? b : a, isSame(q, c) ? d : c];
      return side(p, u, v) === 0 && (u[0] - p[0]) * (v[0] - p[0]) + (u[1] - p[1]) * (v[1] - p[1]) > 0;
    }),
  );
}

function isSame(p: Point, q: Point): boolean {
  return p[0] === q[0] && p[1] === q[1];
}

function haveCommonPoint(a: Point, b: Point, c: Point, d: Point): boolean {
  if (areApart(a, b, c, d, 0) || areApart(a, b, c, d, 1)) return false;
  if (side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0) return true;
  return isOn(c, a, b) || isOn(d, a, b) || isOn(a, c, d) || isOn(b, c, d);
}

/** Returns whether two edges have no coordinate `k` in common: most pairs, which this finds fastest. */
function areApart(a: Point, b: Point, c: Point, d: Point, k: 0 | 1): boolean {
  return Math.max(a[k], b[k]) < Math.min(c[k], d[k]) || Math.max(c[k], d[k]) < Math.min(a[k], b[k]);
}

function isOn(p: Point, a: Point, b: Point): boolean {
  const isBetween = (k: 0 | 1) => Math.min(a[k], b[k]) <= p[k] && p[k] <= Math.max(a[k], b[k]);
  return side(a, b, p) === 0 && isBetween(0) && isBetween(1);
}

function side([x1, y1]: Point, [x2, y2]: Point, [x, y]: Point): number {
  return Math.sign((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1));
}

function commonCorners(ring: ClosedRing, other: ClosedRing): string[] {
  const corners = new Set(ring.slice(1).map(String));
  return other
    .slice(1)
    .map(String)
    .filter((corner) => corners.has(corner));
}

/** Returns whether all edge midpoints and corners that are not on `around` are inside it, or all outside. */
function liesWithin(ring: ClosedRing, around: ClosedRing, inside: boolean): boolean {
  const middles = edgesOf(ring).map(([a, b]): Point => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
  const edges = edgesOf(around);
  return [...ring.slice(1), ...middles]
    .filter((point) => !edges.some(([a, b]) => isOn(point, a, b)))
    .every((point) => contains(edges, point) === inside);
}

function contains(edges: readonly (readonly [Point, Point])[], [x, y]: Point): boolean {
  let isInside = false;
  for (const [[x1, y1], [x2, y2]] of edges) {
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1)) isInside = !isInside;
  }
  return isInside;
}

/** Rings that touch in a circle split the inside: rings and the corners where they touch must form a forest. */
function isForest(touches: readonly (readonly [number, number, string])[]): boolean {
  const links = new Set(touches.flatMap(([a, b, corner]) => [`${a} ${corner}`, `${b} ${corner}`]));
  const roots = new Map<string, string>();
  const rootOf = (name: string): string => {
    const parent = roots.get(name);
    return parent === undefined ? name : rootOf(parent);
  };
  for (const link of links) {
    const [ring = '', ...corner] = link.split(' ');
    const [a, b] = [rootOf(`ring ${ring}`), rootOf(`corner ${corner}`)];
    if (a === b) return false;
    roots.set(a, b);
  }
  return true;
}
