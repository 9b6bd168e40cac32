import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundingBox } from '../../../toolkit/figures/panel-figure.ts';

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
