import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundingBox, panelGrid, roundLength } from '../../../toolkit/figures/panel-figure.ts';

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

it.each([
  [1664, 200],
  [800, 200],
  [799, 100],
  [400, 100],
  [154.5, 20],
  [4, 1],
  [0.5, 0.1],
])('gives a panel of %d µm a bar of %d µm', (width, length) => {
  expect(roundLength(width)).toBeCloseTo(length, 12);
});

describe('boundingBox', () => {
  it('encloses every pixel that is not 0, labels or not', () => {
    const mask = Uint8Array.of(...[0, 0, 0, 0, 0], ...[0, 0, 3, 0, 0], ...[0, 0, 0, 255, 0], ...[0, 0, 0, 0, 0]);
    expect(boundingBox(mask, 5)).toEqual({ x: 2, y: 1, width: 2, height: 2 });
  });

  it('is the whole of a full mask, and empty for an empty mask', () => {
    expect(boundingBox(new Uint8Array(6).fill(1), 3)).toEqual({ x: 0, y: 0, width: 3, height: 2 });
    expect(boundingBox(new Uint8Array(6), 3)).toBeUndefined();
  });

  it('equals the range of the coordinates of these pixels', () => {
    const masks = fc.integer({ min: 1, max: 9 }).chain((width) =>
      fc.array(fc.constantFrom(0, 0, 0, 7), { minLength: width, maxLength: 60 }).map((values) => ({
        width,
        mask: Uint8Array.from(values.slice(0, values.length - (values.length % width))),
      })),
    );
    fc.assert(
      fc.property(masks, ({ mask, width }) => {
        const set = [...mask.keys()].filter((k) => mask[k] !== 0);
        const xs = set.map((k) => k % width);
        const ys = set.map((k) => Math.floor(k / width));
        const [x, y] = [Math.min(...xs), Math.min(...ys)];
        const box = { x, y, width: Math.max(...xs) - x + 1, height: Math.max(...ys) - y + 1 };
        expect(boundingBox(mask, width)).toEqual(set.length === 0 ? undefined : box);
      }),
    );
  });
});
