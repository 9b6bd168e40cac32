import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tileStarts } from '../../../toolkit/nnunet/sliding-window/tile-grid.ts';

describe('tileStarts', () => {
  it.each([
    [512, [0]],
    [513, [0, 1]],
    [600, [0, 88]],
    [769, [0, 128, 257]], // 128.5 goes to the even neighbour
    [771, [0, 130, 259]], // 129.5 too
    [1025, [0, 171, 342, 513]],
    [2000, [0, 248, 496, 744, 992, 1240, 1488]],
  ])('places the tiles of a %i px axis as nnU-Net v1 does', (length, starts) => {
    expect(tileStarts(length, 512)).toEqual(starts);
  });

  it('rounds halves up where the discrepancy report measures the effect of that', () => {
    expect(tileStarts(769, 512, 'half-up')).toEqual([0, 129, 257]);
    expect(tileStarts(771, 512, 'half-up')).toEqual(tileStarts(771, 512));
  });

  it('covers every pixel, with strides of at most half a patch', () => {
    const sizes = fc
      .integer({ min: 2, max: 600 })
      .chain((patch) => fc.tuple(fc.integer({ min: patch, max: 20_000 }), fc.constant(patch)));
    fc.assert(
      fc.property(sizes, ([length, patch]) => {
        const starts = tileStarts(length, patch);
        expect(starts[0]).toBe(0);
        expect(starts.at(-1)).toBe(length - patch);
        starts.slice(1).forEach((start, k) => {
          const step = start - (starts[k] ?? Number.NaN);
          expect(step).toBeGreaterThan(0);
          expect(step).toBeLessThanOrEqual(Math.ceil(patch / 2));
        });
      }),
    );
  });

  it('rejects an axis shorter than the patch', () => {
    expect(() => tileStarts(511, 512)).toThrow('Expected length >= 512 px, got 511');
  });
});
