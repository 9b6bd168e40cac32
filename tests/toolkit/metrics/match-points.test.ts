import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BallTree } from '../../../toolkit/metrics/ball-tree.ts';
import { PredictedPoints, type TieOrder } from '../../../toolkit/metrics/match-points.ts';
import type { CellPoint } from '../../../toolkit/metrics/points-file.ts';
import { cellPoints, ties } from './agreement-oracle.ts';

/** Matching as its definition says, every prediction looked at for every truth. */
function bruteForce(
  truth: readonly CellPoint[],
  predictions: readonly CellPoint[],
  radius: number,
  tieOrder: TieOrder,
) {
  const inOrder =
    tieOrder === 'tree' ? [...new BallTree(predictions).order] : Array.from(predictions, (_, index) => index);
  const free = new Set(inOrder);
  return truth.map(({ x, y }) => {
    const candidates = [...free]
      .map((index) => ({
        index,
        distance: Math.hypot(x - (predictions[index]?.x ?? 0), y - (predictions[index]?.y ?? 0)),
      }))
      .filter(({ distance }) => distance <= radius)
      .sort((a, b) => a.distance - b.distance);
    const index = candidates[0]?.index ?? -1;
    free.delete(index);
    return index;
  });
}

const match = (truth: readonly CellPoint[], predictions: readonly CellPoint[], radius: number, tieOrder?: TieOrder) => [
  ...new PredictedPoints(predictions).match(truth, { radius, ...(tieOrder === undefined ? {} : { tieOrder }) }),
];

const confusion = (truth: readonly CellPoint[], predictions: readonly CellPoint[], classes = 3) =>
  new PredictedPoints(predictions).confusion(truth, classes, { radius: 20 }).toRows();

const coordinate = fc.integer({ min: 0, max: 12 });
const cells = fc.array(fc.record({ x: coordinate, y: coordinate, class: fc.integer({ min: 0, max: 2 }) }), {
  maxLength: 40,
});
const many = fc.array(fc.record({ x: coordinate, y: coordinate, class: fc.integer({ min: 0, max: 2 }) }), {
  minLength: 81,
  maxLength: 200,
});

describe('PredictedPoints', () => {
  it.each(['tree', 'lowest-index'] as const)('matches according to its definition, ties %s', (tieOrder) => {
    fc.assert(
      fc.property(cells, cells, fc.integer({ min: 0, max: 6 }), (truth, predictions, radius) => {
        expect(match(truth, predictions, radius, tieOrder)).toEqual(bruteForce(truth, predictions, radius, tieOrder));
      }),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(cells, many, fc.integer({ min: 0, max: 6 }), (truth, predictions, radius) => {
        expect(match(truth, predictions, radius, tieOrder)).toEqual(bruteForce(truth, predictions, radius, tieOrder));
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ['in quarters of a px, where many are equally near or on the circle', 4],
    ['anywhere', 1e9],
  ])('matches crowded fields according to its definition, cells %s', (_, parts) => {
    const place = fc.integer({ min: -60 * parts, max: 60 * parts }).map((value) => value / parts);
    const field = fc.array(fc.record({ x: place, y: place, class: fc.constant(0) }), { minLength: 20, maxLength: 200 });
    fc.assert(
      fc.property(field, field, fc.constantFrom(0, 0.5, 5, 20, 500), (truth, predictions, radius) => {
        expect(match(truth, predictions, radius)).toEqual(bruteForce(truth, predictions, radius, 'tree'));
      }),
      { numRuns: 60 },
    );
  });

  it('matches cells far away from all others and from the image', () => {
    const far = cellPoints([0, 0, 0, 3e5, -9e5, 0, 4e8, 1, 0, 1e300, 5, 0]);
    for (const predictions of [far, far.slice(0, 2)]) {
      expect(match(far, predictions, 8)).toEqual(far.map((_, k) => (k < predictions.length ? k : -1)));
    }
  });

  it('chooses the same of equally near predictions as scikit-learn', () => {
    for (const { truth, predictions, radius, pairs, confusion: counts, queriesWithTies } of ties.matches) {
      expect(queriesWithTies).toBeGreaterThan(10);
      const found = new PredictedPoints(cellPoints(predictions));
      expect([...found.match(cellPoints(truth), { radius })]).toEqual(pairs);
      expect(found.confusion(cellPoints(truth), 3, { radius }).toRows()).toEqual(counts);
    }
  });

  it('chooses another one with the lowest index first: the order of the tree matters', () => {
    const differing = ties.matches.filter(({ truth, predictions, radius, pairs }) => {
      const found = match(cellPoints(truth), cellPoints(predictions), radius, 'lowest-index');
      return found.some((index, k) => index !== pairs[k]);
    });
    expect(differing.length).toBeGreaterThan(0);
  });

  it('excludes a prediction just outside the radius, however close', () => {
    const at = (distance: number) => cellPoints([0, 0, 0, distance, 0, 0]).slice(1);
    const matched = [19.999_999, 20, 20.000_001, 20.000_000_000_1].map((distance) => match(at(0), at(distance), 20)[0]);
    expect(matched).toEqual([0, 0, -1, -1]);
  });

  it('lets the first ground-truth point take the nearest prediction', () => {
    const truth = cellPoints([0, 0, 0, 1, 0, 0]);
    const predictions = cellPoints([5, 0, 0, 1, 0, 0]);
    expect(match(truth, predictions, 8)).toEqual([1, 0]);
  });

  it.each([
    [
      'no truth',
      [],
      [4, 4, 2],
      [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 1, 0],
      ],
    ],
    [
      'no prediction',
      [4, 4, 2],
      [],
      [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 0, 0, 0],
      ],
    ],
    [
      'neither',
      [],
      [],
      [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
    ],
    [
      'a distance of exactly the radius',
      [10, 10, 1],
      [22, 26, 2],
      [
        [0, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
    ],
    [
      'a distance beyond it',
      [10, 10, 1],
      [22, 26.01, 2],
      [
        [0, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 0, 0, 0],
        [0, 0, 1, 0],
      ],
    ],
    [
      'one hit',
      [10, 10, 1],
      [11, 11, 1],
      [
        [0, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
    ],
  ])('counts %s', (_, truth, predictions, expected) => {
    expect(confusion(cellPoints(truth), cellPoints(predictions))).toEqual(expected);
  });

  it('counts every ground-truth point once in its row and every prediction once in its column', () => {
    fc.assert(
      fc.property(cells, cells, (truth, predictions) => {
        const counts = new PredictedPoints(predictions).confusion(truth, 3, { radius: 3 });
        for (const k of [0, 1, 2]) {
          expect(counts.rowSum(k)).toBe(truth.filter((point) => point.class === k).length);
          expect(counts.columnSum(k)).toBe(predictions.filter((point) => point.class === k).length);
        }
        expect(counts.at(3, 3)).toBe(0);
      }),
    );
  });

  it('matches everything with itself', () => {
    fc.assert(
      fc.property(cells, (points) => {
        const counts = new PredictedPoints(points).confusion(points, 3, { radius: 0 });
        expect(counts.rowSum(3) + counts.columnSum(3)).toBe(0);
      }),
    );
  });
});
