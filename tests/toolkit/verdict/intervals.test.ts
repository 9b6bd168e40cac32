import { describe, expect, it } from 'vitest';
import { overviewByStem } from '../../../toolkit/dataset/overview.ts';
import {
  countsByPatient,
  drawResamples,
  percentileInterval,
  quantile,
  resampledIntervals,
} from '../../../toolkit/verdict/resampled-intervals.ts';

describe('quantile', () => {
  it.each([
    [0, 1],
    [0.5, 2.5],
    [0.1, 1.3],
    [1, 4],
  ])('%d of 1, 2, 3, 4 is %d, as numpy has it', (share, value) => {
    expect(quantile(Float64Array.of(1, 2, 3, 4), share)).toBeCloseTo(value, 14);
  });
});

describe('percentileInterval', () => {
  it('excludes and counts the resamples in which a class was empty', () => {
    expect(percentileInterval([3, null, 3, null, null])).toEqual({ low: 3, high: 3, dropped: 3 });
  });

  it('is null if nothing is left', () => {
    expect(percentileInterval([null, null])).toBeUndefined();
  });
});

describe('resampledIntervals', () => {
  const patient = (id: string, published: number, ours: number) => ({
    id,
    rois: [id],
    published: Float64Array.of(published),
    ours: Float64Array.of(ours),
  });

  it('sums the drawn patients, then computes the score, and pairs the two sides', () => {
    const patients = [patient('a', 1, 2), patient('b', 10, 20)];
    const draws = Uint16Array.of(0, 0, 1, 1); // two resamples: a twice, b twice
    const [intervals] = resampledIntervals(patients, draws, (counts) => [counts[0] ?? null]);
    const between = (low: number, high: number) => ({
      low: low + 0.025 * (high - low),
      high: high - 0.025 * (high - low),
      dropped: 0,
    });
    expect(intervals).toEqual({
      publishedInterval: between(2, 20),
      oursInterval: between(4, 40),
      differenceInterval: between(2, 20),
    });
  });

  it('has a difference of exactly 0 if both sides have the same counts', () => {
    const patients = [patient('a', 3, 3), patient('b', 7, 7), patient('c', 1, 1)];
    const [intervals] = resampledIntervals(patients, drawResamples(3, 200, 1), (counts) => [counts[0] ?? null]);
    expect(intervals?.differenceInterval).toEqual({ low: 0, high: 0, dropped: 0 });
    expect(intervals?.oursInterval?.low).toBeLessThan(intervals?.oursInterval?.high ?? 0);
  });
});

describe('countsByPatient', () => {
  const row = (stem: string, patient: string) => ({
    line: 2,
    imagePath: `../../data/images/he/${stem}.png`,
    annotationPath: '',
    task: 'he_tissue_segmentation',
    split: 'test',
    facts: { patient_id: patient },
  });

  it('keeps the ROIs of a patient together, sorts by ID, and counts an unknown image as a separate patient', () => {
    const overview = overviewByStem([row('x1', '2'), row('x2', '1'), row('x3', '2')]);
    const counts = (roi: string, n: number) => ({ roi, published: [n], ours: [n + 1] });
    const rois = [counts('x1_with_context', 1), counts('x2', 10), counts('x3', 100), counts('y', 1_000)];
    expect(countsByPatient(rois, overview)).toEqual([
      { id: '1', rois: ['x2'], published: Float64Array.of(10), ours: Float64Array.of(11) },
      { id: '2', rois: ['x1_with_context', 'x3'], published: Float64Array.of(101), ours: Float64Array.of(103) },
      { id: 'image y', rois: ['y'], published: Float64Array.of(1_000), ours: Float64Array.of(1_001) },
    ]);
  });
});
