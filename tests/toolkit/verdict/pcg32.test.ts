import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pcg32 } from '../../../toolkit/verdict/resampled-intervals.ts';

describe('Pcg32', () => {
  it("returns the numbers of the reference implementation's demo", () => {
    const random = new Pcg32(42, 54);
    const first = Array.from({ length: 6 }, () => random.next());
    expect(first).toEqual([0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e]);
  });

  it('stays below the bound', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 2 ** 32 - 1 }), (seed, bound) => {
        const drawn = new Pcg32(seed).below(bound);
        expect(drawn).toBeGreaterThanOrEqual(0);
        expect(drawn).toBeLessThan(bound);
      }),
    );
  });
});
