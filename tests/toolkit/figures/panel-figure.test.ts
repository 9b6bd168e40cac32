import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { panelGrid } from '../../../toolkit/figures/panel-figure.ts';

describe('panelGrid', () => {
  it('reduces a large crop to 960 px and enlarges a small one by a whole factor', () => {
    const sizeOf = (width: number, height: number) => {
      const grid = panelGrid({ x: 0, y: 0, width, height }, width);
      return [grid.width, grid.height];
    };
    expect(sizeOf(3328, 2560)).toEqual([960, 738]);
    expect(sizeOf(600, 2000)).toEqual([288, 960]);
    expect(sizeOf(960, 10)).toEqual([960, 10]);
    expect(sizeOf(309, 230)).toEqual([927, 690]);
    expect(sizeOf(1, 1)).toEqual([960, 960]);
    expect(sizeOf(20_000, 3)).toEqual([960, 1]);
  });

  it('repeats pixels when enlarging', () => {
    const { left, right } = panelGrid({ x: 5, y: 0, width: 320, height: 1 }, 400);
    expect([...left.subarray(0, 4), ...right.subarray(0, 4)]).toEqual([5, 5, 5, 6, 6, 6, 6, 7]);
  });

  it('uses every image pixel of a large crop once', () => {
    const crops = fc.record({
      x: fc.nat(50),
      y: fc.nat(50),
      width: fc.integer({ min: 961, max: 5_000 }),
      height: fc.integer({ min: 961, max: 5_000 }),
    });
    fc.assert(
      fc.property(crops, (crop) => {
        const { left, right, top, bottom } = panelGrid(crop, 6_000);
        expect([left[0], right.at(-1)]).toEqual([crop.x, crop.x + crop.width]);
        expect([top[0], bottom.at(-1)]).toEqual([crop.y, crop.y + crop.height]);
        expect(right.subarray(0, -1).every((end, k) => end === left[k + 1])).toBe(true);
        expect(bottom.subarray(0, -1).every((end, k) => end === top[k + 1])).toBe(true);
      }),
    );
  });
});
