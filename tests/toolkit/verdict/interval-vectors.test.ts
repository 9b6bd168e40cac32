import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { pairedScores } from '../../../toolkit/compare/paired-scores.ts';
import type { SideTask } from '../../../toolkit/compare/read-side.ts';
import { measureCells } from '../../../toolkit/verdict/cells-uncertainty.ts';
import { drawResamples } from '../../../toolkit/verdict/resampled-intervals.ts';
import { measureTissue, TISSUE_MEASURES } from '../../../toolkit/verdict/tissue-uncertainty.ts';
import { evaluationIntervals } from '../../../toolkit/verdict/uncertainty.ts';

/** Low, high, and the resamples left out. */
const NumpyInterval = z.tuple([z.number(), z.number(), z.int()]).nullable();
const Vectors = z.object({
  a: z.array(z.array(z.int())),
  b: z.array(z.array(z.int())),
  draws: z.array(z.array(z.int())),
  intervals: z.array(
    z.object({ publishedInterval: NumpyInterval, oursInterval: NumpyInterval, differenceInterval: NumpyInterval }),
  ),
});
const File = z.object({ resamples: z.int(), seed: z.int(), he: Vectors, pdl1: Vectors });

// Written by scripts/verdict/make_interval_vectors.py, which draws and computes with NumPy.
const { resamples, seed, he, pdl1 } = File.parse(
  JSON.parse(readFileSync(new URL('../../fixtures/verdict/intervals.json', import.meta.url), 'utf8')),
);
const config = { resamples, seed };
const PAIRS = ['RUMC: reader P1|AI', 'SCDC: reader P4|AI'];
const LIMIT = 1e-12;

function expectNear(
  got: { low: number; high: number; dropped: number } | undefined,
  wanted: z.infer<typeof NumpyInterval>,
) {
  if (wanted === null || got === undefined) return expect(got).toBe(wanted ?? undefined);
  const [low, high, dropped] = wanted;
  expect(Math.abs(got.low - low)).toBeLessThan(LIMIT);
  expect(Math.abs(got.high - high)).toBeLessThan(LIMIT);
  expect(got.dropped).toBe(dropped);
}

const cases = [
  {
    task: 'he' as const,
    vectors: he,
    names: TISSUE_MEASURES,
    measure: measureTissue,
    matrices: ['he'],
    side: 17,
  },
  {
    task: 'pdl1' as const,
    vectors: pdl1,
    names: PAIRS.flatMap((pair) => ['macro', 'class 0', 'class 1', 'class 2'].map((each) => `${pair}, ${each}`)),
    measure: measureCells(3, [new Set([0, 1, 2]), new Set([0, 1, 2])], ['RUMC', 'SCDC']),
    matrices: PAIRS,
    side: 4,
  },
];

describe.each(cases)('intervals of $task', ({ task, vectors, names, measure, matrices, side }) => {
  it('come from the same resamples as in Python', () => {
    const patients = vectors.a.length;
    expect([...drawResamples(patients, 3, seed)]).toEqual(vectors.draws.flat());
  });

  it("equal NumPy's in evaluate", () => {
    const rois = vectors.a.map((published, k) => ({ roi: `p${k}`, published, ours: vectors.b[k] ?? [] }));
    const { intervals } = evaluationIntervals({ rois, names, measure, isCompared: true }, new Map(), config);
    expect(Object.keys(intervals)).toHaveLength(vectors.intervals.length);
    for (const [k, wanted] of vectors.intervals.entries()) {
      const got = intervals[names[k] ?? ''];
      expectNear(got?.publishedInterval, wanted.publishedInterval);
      expectNear(got?.oursInterval, wanted.oursInterval);
      expectNear(got?.differenceInterval, wanted.differenceInterval);
    }
  });

  it("equal NumPy's in compare", () => {
    const sideOf = (counts: readonly (readonly number[])[]): SideTask => ({
      predictions: new Map(),
      images: new Map(),
      counts: {
        matrices,
        side,
        patients: counts.map((ours, k) => ({ id: `p${k}`, rois: [`p${k}`], published: [], ours: [...ours] })),
      },
    });
    const scores = pairedScores(task, sideOf(vectors.a), sideOf(vectors.b), config)?.scores ?? [];
    expect(scores).toHaveLength(vectors.intervals.length);
    for (const [k, { interval }] of scores.entries()) {
      expectNear(interval, vectors.intervals[k]?.differenceInterval ?? null);
    }
  });
});
