import { describe, expect, it } from 'vitest';
import { argmaxAndConfidence } from '../../../toolkit/nnunet/sliding-window/decide-row.ts';

function decide(total: readonly number[], classes: number, folds = 1) {
  const labels = new Uint8Array(total.length / classes);
  const confidences = new Uint16Array(labels.length);
  const isNumber = argmaxAndConfidence(Float32Array.from(total), classes, folds, labels, confidences);
  return { labels: [...labels], confidences: [...confidences], isNumber };
}

describe('argmaxAndConfidence', () => {
  it('chooses the first of equal maxima, with confidence 0', () => {
    expect(decide([0.1, 0.45, 0.45], 3)).toEqual({ labels: [1], confidences: [0], isNumber: true });
    expect(decide([0.5, 0.5], 2)).toEqual({ labels: [0], confidences: [0], isNumber: true });
  });

  it('measures the confidence to the second largest, whatever its position', () => {
    const first = decide([0.75, 0.25, 0, 0, 0.25, 0.75], 3);
    expect(first).toEqual({
      labels: [0, 2],
      confidences: [Math.round(0.5 * 65535), Math.round(0.5 * 65535)],
      isNumber: true,
    });
  });

  it('covers the whole range', () => {
    expect(decide([5, 0, 0, 5], 2, 5)).toEqual({ labels: [0, 1], confidences: [65535, 65535], isNumber: true });
  });

  it('decides by the mean in float32: different sums may have the same mean', () => {
    const next = 1.5 + 2 ** -23;
    expect(Math.fround(next / 5)).toBe(Math.fround(1.5 / 5));
    expect(decide([1.5, next], 2, 5)).toEqual({ labels: [0], confidences: [0], isNumber: true });
  });

  it('reports NaN', () => {
    expect(decide([0.5, Number.NaN, 0.5, 0.5], 2).isNumber).toBe(false);
    expect(decide([Number.NaN, 0.5], 2).isNumber).toBe(false);
  });
});
