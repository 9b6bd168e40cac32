import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReaderAnnotations } from '../../../toolkit/dataset/readers-annotations.ts';
import { evaluateDetection } from '../../../toolkit/metrics/agreement.ts';
import { type ScoredCell, sweepCells, thresholdsBy } from '../../../toolkit/tasks/cells/sweep.ts';

const cell = fc.record({
  x: fc.integer({ min: 0, max: 200 }),
  y: fc.integer({ min: 0, max: 200 }),
  class: fc.integer({ min: 0, max: 2 }),
});
const cells = fc.array(cell, { maxLength: 25 });
const scored = fc.array(fc.tuple(cell, fc.integer({ min: 1, max: 20 })), { maxLength: 25 });

const READERS = ['reader P1', 'reader P2'];
const GROUPS = [{ name: 'RUMC', readers: READERS }];
const { signal } = new AbortController();

function annotationsOf(points: readonly (readonly { x: number; y: number; class: number }[])[][]): ReaderAnnotations {
  return {
    task: 'pdl1',
    images: [0, 1].map((id) => ({ id, stem: `roi${id}`, fileName: `roi${id}.png`, annotatedXyxy: [0, 0, 200, 200] })),
    groups: GROUPS,
    points: new Map(
      READERS.map((reader, r) => [reader, new Map(points.map((of, id) => [id, of[r] ?? []] as const))] as const),
    ),
    unused: [],
  };
}

describe('sweepCells', () => {
  it('returns for every threshold the scores of an evaluation of the points above it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cells, cells), { minLength: 2, maxLength: 2 }),
        scored,
        scored,
        async (...of) => {
          const [readers, first, second] = of;
          const annotations = annotationsOf(readers);
          const found = new Map<string, ScoredCell[]>(
            [first, second].map((image, id) => [`roi${id}`, image.map(([point, k]) => ({ ...point, score: k / 20 }))]),
          );
          const thresholds = [0.05, 0.25, 0.5, 0.75];
          const sweep = await sweepCells({ annotations, cells: (stem) => found.get(stem) ?? [], thresholds, signal });
          for (const [k, threshold] of thresholds.entries()) {
            const above = (stem: string) => (found.get(stem) ?? []).filter(({ score }) => score > threshold);
            const f1 = evaluateDetection({ task: 'pdl1', annotations, points: above }).metrics.groups['RUMC']?.f1;
            expect(sweep.points[k]).toBe(above('roi0').length + above('roi1').length);
            for (const [r, curve] of sweep.curves.entries()) {
              expect(curve.macro[k]).toBe(f1?.['macro']?.[r]?.[READERS.length]);
              expect(curve.perClass[1]?.[k]).toBe(f1?.['1']?.[r]?.[READERS.length]);
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('says how far the tumour proportion score is from that of a reader, and nothing without one', async () => {
    const tumour = (positive: number, negative: number) => [
      ...Array.from({ length: positive }, (_, k) => ({ x: 20 * k, y: 0, class: 1 })),
      ...Array.from({ length: negative }, (_, k) => ({ x: 20 * k, y: 100, class: 0 })),
    ];
    const annotations = annotationsOf([
      [tumour(1, 1), tumour(0, 4)],
      [tumour(0, 0), tumour(1, 0)],
    ]);
    const found = tumour(3, 1).map((point, k) => ({ ...point, score: k === 3 ? 0.9 : 0.6 }));
    const { tumourProportion } = await sweepCells({
      annotations,
      cells: (stem) => (stem === 'roi0' ? found : []),
      thresholds: [0.5, 0.7, 0.95],
      signal,
    });
    expect(tumourProportion?.mean).toEqual([75, 0, null]);
    expect(tumourProportion?.readers).toEqual([
      { reader: 'reader P1', meanAbsoluteDifference: [25, 50, null] },
      { reader: 'reader P2', meanAbsoluteDifference: [75, 0, null] },
    ]);
  });
});

describe('thresholdsBy', () => {
  it('goes from the lowest stored score to 0.95, including the given thresholds', () => {
    expect(thresholdsBy(0.3, 0.05, 0.5, 0.35)).toEqual([0.05, 0.35, 0.5, 0.65, 0.95]);
    expect(thresholdsBy(0.05, 0.05, 0.5)).toHaveLength(19);
    expect(thresholdsBy(0.01, 0.05, 0.5)).toHaveLength(91);
  });
});
