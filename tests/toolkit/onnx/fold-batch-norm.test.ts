import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldedBias, foldedWeight } from '../../../toolkit/onnx/graph/fold-batch-norm.ts';

const EPSILON = 1e-5;

const f32 = (value: number) => Float32Array.of(value);

describe('folding batch normalisation into a convolution', () => {
  it('scales each output channel by its own gamma / sqrt(variance + epsilon)', () => {
    const norm = {
      gamma: Float32Array.of(2, 3),
      variance: Float32Array.of(4 - EPSILON, 0.25 - EPSILON),
      epsilon: EPSILON,
      beta: Float32Array.of(0.5, -1),
      mean: Float32Array.of(1, 0.5),
    };
    expect(Array.from(foldedWeight(Float32Array.of(1, 2, 3, 4), 2, norm))).toEqual([1, 2, 18, 24]);
    expect(Array.from(foldedBias(Float32Array.of(5, 1), norm))).toEqual([4.5, 2]);
    const second = foldedWeight(Float32Array.of(3, 4), 1, norm, 1);
    expect([...second, ...foldedBias(Float32Array.of(1), norm, 1)]).toEqual([18, 24, 2]);
  });

  it('equals convolution followed by normalisation, up to rounding in float32', () => {
    const value = fc.float({ min: -4, max: 4, noNaN: true });
    const positive = fc.float({ min: Math.fround(0.01), max: 4, noNaN: true });
    fc.assert(
      fc.property(value, value, value, positive, value, value, positive, (x, w, b, gamma, beta, mean, variance) => {
        const norm = {
          ...{ gamma: f32(gamma), beta: f32(beta), mean: f32(mean), variance: f32(variance) },
          epsilon: EPSILON,
        };
        const weight = foldedWeight(f32(w), 1, norm)[0] ?? Number.NaN;
        const bias = foldedBias(f32(b), norm)[0] ?? Number.NaN;
        const inTurn = ((w * x + b - mean) / Math.sqrt(variance + EPSILON)) * gamma + beta;
        const size = Math.abs(weight * x) + Math.abs(bias);
        expect(Math.abs(weight * x + bias - inTurn)).toBeLessThanOrEqual(size * 2 ** -23 + 1e-30);
      }),
    );
  });

  it('does not change its input arrays', () => {
    const weight = Float32Array.of(1, 2);
    foldedWeight(weight, 1, { gamma: f32(3), variance: f32(1), epsilon: EPSILON });
    expect(Array.from(weight)).toEqual([1, 2]);
  });
});
