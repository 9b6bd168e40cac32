import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BallTree } from '../../../toolkit/metrics/ball-tree.ts';
import { ties } from './agreement-oracle.ts';

const pairsOf = (flat: readonly number[]) =>
  Array.from({ length: flat.length / 2 }, (_, k) => ({
    x: flat[2 * k] ?? Number.NaN,
    y: flat[2 * k + 1] ?? Number.NaN,
  }));

describe('BallTree', () => {
  it('stores points in the order of scikit-learn, including heap selection', () => {
    for (const { points, order } of ties.orders) {
      const tree = new BallTree(pairsOf(points));
      expect([...tree.order], `${order.length} points`).toEqual(order);
    }
  });

  it('keeps up to 80 points together and splits 81', () => {
    const falling = (count: number) => Array.from({ length: count }, (_, k) => ({ x: count - k, y: 0 }));
    expect([...new BallTree(falling(80)).order]).toEqual(Array.from({ length: 80 }, (_, k) => k));
    expect([...new BallTree(falling(81)).order]).not.toEqual(Array.from({ length: 81 }, (_, k) => k));
  });

  it('finds all points within the radius, including the border, in its own order', () => {
    const coordinate = fc.integer({ min: 0, max: 40 });
    const point = fc.record({ x: coordinate, y: coordinate });
    fc.assert(
      fc.property(fc.array(point, { maxLength: 300 }), point, fc.integer({ min: 0, max: 15 }), (points, at, radius) => {
        const tree = new BallTree(points);
        const { count, indices, distances } = tree.within(at.x, at.y, radius);
        const distanceTo = (index: number) =>
          Math.sqrt(((points[index]?.x ?? 0) - at.x) ** 2 + ((points[index]?.y ?? 0) - at.y) ** 2);
        const expected = [...tree.order].filter((index) => distanceTo(index) <= radius);
        expect([...indices.subarray(0, count)]).toEqual(expected);
        expect([...distances.subarray(0, count)]).toEqual(expected.map(distanceTo));
      }),
      { numRuns: 200 },
    );
  });

  it('finds nothing among no points', () => {
    expect(new BallTree([]).within(0, 0, 10).count).toBe(0);
  });
});
