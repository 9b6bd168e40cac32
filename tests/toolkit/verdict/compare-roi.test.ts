import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import type { CellPoint } from '../../../toolkit/metrics/points-file.ts';
import { comparePoints, pairPoints, type ScoredPoint, scoredImage } from '../../../toolkit/verdict/compare-roi.ts';
import { verdictOnPoints } from '../../../toolkit/verdict/judge-cells.ts';
import type { CandidatesFile } from '../../../toolkit/yolo/detect/detection-files.ts';

const TOLERANCES = VerdictConfig.parse({}).cells;
const at = (x: number, y: number, label = 0): CellPoint => ({ x, y, class: label });
const scored = (x: number, y: number, score: number): ScoredPoint => ({ ...at(x, y), score });
const image = (points: readonly ScoredPoint[], dropped: readonly ScoredPoint[] = []) => ({
  points,
  dropped,
  threshold: 0.5,
});

describe('pairPoints', () => {
  it('pairs the nearest first, each point once, and only the same class', () => {
    const ours = [at(0, 0), at(1, 0), at(5, 5, 1)];
    const published = [at(0.9, 0), at(-0.5, 0), at(5, 5, 0)];
    expect(pairPoints(ours, published, 2).map((pair) => [pair.ours, pair.published])).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });

  it('equals the obvious algorithm on random points', () => {
    const point = fc.record({
      x: fc.integer({ min: 0, max: 40 }).map((value) => value / 4),
      y: fc.integer({ min: 0, max: 40 }).map((value) => value / 4),
      class: fc.integer({ min: 0, max: 1 }),
    });
    const points = fc.array(point, { maxLength: 25 });
    fc.assert(
      fc.property(points, points, (ours, published) => {
        const all = ours.flatMap((one, i) =>
          published.flatMap((other, j) => {
            const distance = Math.hypot(one.x - other.x, one.y - other.y);
            return one.class === other.class && distance <= 2 ? [{ ours: i, published: j, distance }] : [];
          }),
        );
        const expected: typeof all = [];
        for (let best = all; best.length > 0; ) {
          const next = best.reduce((a, b) => (b.distance < a.distance ? b : a));
          expected.push(next);
          best = best.filter((pair) => pair.ours !== next.ours && pair.published !== next.published);
        }
        expect(pairPoints(ours, published, 2)).toEqual(expected);
      }),
    );
  });
});

describe('comparePoints', () => {
  it('reproduces points within 0.02 px', () => {
    const same = comparePoints(image([scored(1, 1, 0.9)]), [at(1.02, 1)], TOLERANCES);
    expect(same).toMatchObject({ matched: 1, extra: 0, missing: 0, unexplained: 0 });
    expect(verdictOnPoints(same, TOLERANCES)).toBe('reproduced');
    const off = comparePoints(image([scored(1, 1, 0.9)]), [at(1.03, 1)], TOLERANCES);
    expect(off).toMatchObject({ matched: 1, unexplained: 1 });
    expect(verdictOnPoints(off, TOLERANCES)).toBe('within tolerance');
  });

  it('explains a point without counterpart by a score at the threshold, on either side', () => {
    const extra = comparePoints(image([scored(1, 1, 0.50009)]), [], TOLERANCES);
    expect(extra).toMatchObject({ extra: 1, unexplained: 0 });
    const missing = comparePoints(image([], [scored(1, 1, 0.49995)]), [at(1, 1.01)], TOLERANCES);
    expect(missing).toMatchObject({ missing: 1, unexplained: 0 });
    expect(comparePoints(image([scored(1, 1, 0.6)]), [], TOLERANCES).unexplained).toBe(1);
    expect(comparePoints(image([], [scored(1, 1, 0.4)]), [at(1, 1)], TOLERANCES).unexplained).toBe(1);
  });

  it('tolerates one point in a hundred, and no more', () => {
    const points = Array.from({ length: 100 }, (_, k) => scored(10 * k, 0, 0.9));
    const moved = (count: number) => points.map(({ x, y }, k) => at(x, k < count ? y + 30 : y));
    expect(verdictOnPoints(comparePoints(image(points), moved(1), TOLERANCES), TOLERANCES)).toBe('within tolerance');
    expect(verdictOnPoints(comparePoints(image(points), moved(2), TOLERANCES), TOLERANCES)).toBe('differs');
  });
});

describe('scoredImage', () => {
  const file = {
    schema: 2 as const,
    model: 'm',
    width: 512,
    height: 512,
    tile: 512,
    classes: ['nucleus'],
    confidence: 0.5,
    iou: 0.5,
    recorded: 0.25,
    box: null,
    candidates: [
      { tile: 0, class: 0, score: 0.9, x1: 0, y1: 0, x2: 4, y2: 4, outcome: 'point' },
      { tile: 0, class: 0, score: 0.8, x1: 0, y1: 0, x2: 4, y2: 4, outcome: 'suppressed', suppressedBy: 0 },
      { tile: 0, class: 0, score: 0.4, x1: 8, y1: 8, x2: 10, y2: 12, outcome: 'confidence' },
    ],
  } satisfies CandidatesFile;

  it('gives every point its score, and dropped ones their centre', () => {
    expect(scoredImage('a', [at(2.25, 2)], file)).toEqual({
      points: [{ x: 2.25, y: 2, class: 0, score: 0.9 }],
      dropped: [
        { x: 2, y: 2, class: 0, score: 0.8 },
        { x: 9, y: 10, class: 0, score: 0.4 },
      ],
      threshold: 0.5,
    });
  });

  it('rejects points that are not those of the candidates', () => {
    expect(() => scoredImage('a', [at(2, 2), at(3, 3)], file)).toThrow('are not those of its candidates');
  });
});
