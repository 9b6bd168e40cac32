import { describe, expect, it } from 'vitest';
import { HE_LABELS, TIL_LABELS } from '../../../toolkit/dataset/tissue-labels.ts';
import { ConfusionMatrix, normaliseConfusion, withoutFirstLabel } from '../../../toolkit/metrics/confusion-matrix.ts';
import { tilConfusion } from '../../../toolkit/metrics/dice.ts';
import { confusionOf, HeMetrics, heMetrics, sumOfConfusions } from '../../../toolkit/metrics/he-metrics.ts';
import { formatTwoDecimals, roundAsNumpy } from '../../../toolkit/numpy.ts';
import { heOracle } from './he-oracle.ts';

const total = sumOfConfusions(heOracle.rois.map(({ confusion }) => ConfusionMatrix.fromRows(confusion)));

/** A matrix of zeros except for some cells [truth, prediction, count]. */
function matrixOf(...cells: [number, number, number][]): ConfusionMatrix {
  const counts = new Float64Array(17 * 17);
  for (const [truth, prediction, count] of cells) counts[truth * 17 + prediction] = count;
  return new ConfusionMatrix(17, counts);
}

describe('heMetrics against the authors', () => {
  it('sums the ROIs to their matrix', () => {
    expect(total.toRows()).toEqual(heOracle.confusion);
    expect(tilConfusion(total).toRows()).toEqual(heOracle.til);
  });

  it.each([
    ['all', 'all_classes', total],
    ['til', 'til_use_case', tilConfusion(total)],
  ] as const)('gives every number of the figures of %s', (scores, figures, confusion) => {
    const { overall, perClass } = heMetrics(total)[scores];
    const expected = heOracle[figures];
    const rows = Object.entries({ Overall: overall, ...perClass });
    expect(Object.fromEntries(rows)).toEqual(expected.dice);
    expect(rows.map(([name, dice]) => [name, roundAsNumpy(dice)])).toEqual(expected.rounded);
    for (const [by, key] of [
      ['total', 'total'],
      ['true', 'true'],
      ['predicted', 'pred'],
    ] as const) {
      const shares = normaliseConfusion(withoutFirstLabel(confusion), by);
      expect(shares).toEqual(expected.shares[key]);
      expect(shares.map((row) => row.map(formatTwoDecimals))).toEqual(expected.texts[key]);
    }
  });
});

describe('heMetrics', () => {
  it('counts a pixel predicted as Background as a miss, and ignores a Background pixel', () => {
    const metrics = heMetrics(matrixOf([4, 4, 6], [4, 1, 2], [1, 4, 100], [1, 1, 50]));
    expect(metrics.all.perClass['Stroma']).toBe(12 / 14);
    expect(metrics.all.perClass['Background']).toBe(0);
    expect(metrics.all.overall).toBe(6 / 8);
  });

  it('ignores a tissue pixel predicted as Unannotated, like the paper', () => {
    const metrics = heMetrics(matrixOf([4, 4, 6], [4, 0, 94]));
    expect(metrics.all.perClass['Stroma']).toBe(1);
    expect(metrics.all.overall).toBe(1);
  });

  it('ignores confusions of stroma with inflammation in the TIL use case', () => {
    const metrics = heMetrics(matrixOf([4, 5, 10], [5, 5, 10]));
    expect(metrics.all.overall).toBe(0.5);
    expect(metrics.til.overall).toBe(1);
    expect(metrics.til.perClass['Stroma and Inflammation']).toBe(1);
  });

  it('has every class but Unannotated, absent ones with 0', () => {
    const metrics = heMetrics(ConfusionMatrix.zeros(17));
    expect(Object.keys(metrics.all.perClass)).toEqual(HE_LABELS.slice(1).map(({ name }) => name));
    expect(Object.keys(metrics.til.perClass)).toEqual(TIL_LABELS.slice(1).map(({ name }) => name));
    expect(new Set(Object.values(metrics.all.perClass))).toEqual(new Set([0]));
    expect(metrics.all.overall).toBe(0);
  });

  it('has no first row if only annotated pixels were predicted, and the same Dice', () => {
    const annotated = heMetrics(total, 'annotated');
    const full = heMetrics(total);
    expect(annotated.confusion[0]).toBeNull();
    expect(annotated.confusion.slice(1)).toEqual(full.confusion.slice(1));
    expect([annotated.all, annotated.til]).toEqual([full.all, full.til]);
    expect(confusionOf(annotated).rowSum(0)).toBe(0);
    expect(confusionOf(full).toRows()).toEqual(total.toRows());
  });

  it('reads back what it writes', () => {
    for (const scope of ['full', 'annotated'] as const) {
      const metrics = heMetrics(total, scope);
      expect(HeMetrics.parse(JSON.parse(JSON.stringify(metrics)))).toEqual(metrics);
    }
  });

  it('rejects anything but metrics/he.json', () => {
    const metrics = heMetrics(total);
    const { Stroma: _, ...withoutStroma } = metrics.all.perClass;
    for (const wrong of [
      { ...metrics, labels: [...metrics.labels].reverse() },
      { ...metrics, confusion: metrics.confusion.map((row, truth) => (truth === 3 ? null : row)) },
      { ...metrics, confusion: metrics.confusion.slice(1) },
      { ...metrics, all: { ...metrics.all, perClass: withoutStroma } },
      { ...metrics, til: { ...metrics.til, overall: 1.1 } },
    ]) {
      expect(HeMetrics.safeParse(wrong).success).toBe(false);
    }
    expect(() => heMetrics(ConfusionMatrix.zeros(7))).toThrow('Expected a matrix of the 17 H&E labels, got size 7');
  });
});
