import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RGB_SOFTMAX } from '../../../toolkit/nnunet/model-card.ts';
import { partialRoiBytes } from '../../../toolkit/nnunet/sliding-window/sliding-window-ensemble.ts';
import { WeightSums } from '../../../toolkit/nnunet/sliding-window/tile-band.ts';
import { finishedRows, tileGrid, tilesInScope } from '../../../toolkit/nnunet/sliding-window/tile-grid.ts';
import { fillTileInput, pixelValues } from '../../../toolkit/nnunet/sliding-window/tile-input.ts';

const patch = { height: 512, width: 512 };

describe('tileGrid', () => {
  it('adds a border only where the image is smaller than a tile, with the smaller half above and left', () => {
    const grid = tileGrid({ height: 601, width: 401 }, patch);
    expect(grid).toMatchObject({ padded: { height: 601, width: 512 }, offset: { y: 0, x: 55 } });
    expect(grid.rows).toEqual([0, 89]);
    expect(grid.columns).toEqual([0]);
    expect(tileGrid({ height: 64, width: 64 }, patch).offset).toEqual({ y: 224, x: 224 });
  });

  it('uses weights of one for a single tile and a Gaussian for two', () => {
    expect(tileGrid({ height: 512, width: 300 }, patch).weights.every((weight) => weight === 1)).toBe(true);
    expect(tileGrid({ height: 512, width: 513 }, patch).weights[0]).toBeLessThan(1e-6);
  });

  it('finishes every padded row exactly once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4000 }), (height) => {
        const grid = tileGrid({ height, width: 5 }, { height: 64, width: 8 });
        const spans = grid.rows.map((_, row) => finishedRows(grid, row));
        expect(spans[0]?.from).toBe(0);
        expect(spans.at(-1)?.to).toBe(grid.padded.height);
        spans.slice(1).forEach(({ from }, k) => {
          expect(from).toBe(spans[k]?.to);
        });
      }),
    );
  });

  it('has a weight for every padded pixel', () => {
    const grid = tileGrid({ height: 100, width: 75 }, { height: 16, width: 24 });
    const sums = new WeightSums(grid);
    for (let y = 0; y < grid.padded.height; y++) expect(Math.min(...sums.ofRow(y))).toBeGreaterThan(1e-8);
  });
});

describe('fillTileInput', () => {
  it('scales by a division in float32, plane by plane, with black outside the image', () => {
    const grid = tileGrid({ height: 1, width: 2 }, { height: 2, width: 4 });
    const input = new Float32Array(3 * 8).fill(9);
    const pixels = Uint8Array.of(255, 1, 2, 3, 51, 5);
    const values = pixelValues({ width: 2, height: 1, pixels, channels: 3 }, RGB_SOFTMAX.normalisation);
    fillTileInput(pixels, values, grid, 0, 0, input);
    const f = (value: number) => Math.fround(value / 255);
    expect([...input]).toEqual([
      ...[0, 1, f(3), 0, 0, 0, 0, 0],
      ...[0, f(1), f(51), 0, 0, 0, 0, 0],
      ...[0, f(2), f(5), 0, 0, 0, 0, 0],
    ]);
  });
});

describe('tilesInScope', () => {
  const grid = tileGrid({ height: 8, width: 30 }, { height: 16, width: 16 });

  it('includes every tile without a ground-truth mask', () => {
    expect(grid.columns).toEqual([0, 7, 14]);
    expect(tilesInScope(grid)).toEqual([[0, 7, 14]]);
  });

  it.each([
    [0, 1, [0]],
    [6, 1, [0]],
    [7, 16, [0, 7]],
    [15, 2, [0, 7, 14]],
    [16, 2, [7, 14]],
    [29, 3, [14]],
    [29, 0, []],
    [29, 17, []],
    [29, 255, []],
  ])('takes the tiles over column %i when its value is %i', (x, value, columns) => {
    const truth = new Uint8Array(8 * 30);
    truth[5 * 30 + x] = value;
    expect(tilesInScope(grid, truth)).toEqual([columns]);
  });
});

describe('partialRoiBytes', () => {
  it('counts carried rows, the sum of the folds and three bytes per pixel', () => {
    const model = { patch, classes: 17, folds: 5 };
    // Rows 0, 256, ..., 2048: 256 rows are carried, the last tile row finishes 512; four rows' sums wait at a time.
    const row = 3328 * 17 * 4;
    expect(partialRoiBytes({ height: 2560, width: 3328 }, model)).toBe(6 * 256 * row + 5 * 512 * row + 3 * 3328 * 2560);
  });
});
