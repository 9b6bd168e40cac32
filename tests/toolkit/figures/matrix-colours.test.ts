import { describe, expect, it } from 'vitest';
import {
  contrastOf,
  contrastOfGreys,
  greyColour,
  reversedGrey,
  sequentialColour,
} from '../../../toolkit/figures/matrix-colours.ts';

describe('sequentialColour', () => {
  // What matplotlib 3.11.2 gives: [round(255 * c) for c in colormaps[scale](value)[:3]]
  it.each([
    ['Blues', 0, [247, 251, 255]],
    ['Blues', 0.46, [124, 183, 218]],
    ['Blues', 0.53, [97, 167, 210]],
    ['Blues', 0.69, [49, 129, 189]],
    ['Blues', 0.85, [13, 87, 161]],
    ['Blues', 1, [8, 48, 107]],
    ['Reds', 0, [255, 245, 240]],
    ['Reds', 0.4, [252, 138, 106]],
    ['Reds', 0.57, [244, 80, 58]],
    ['Reds', 0.72, [211, 32, 32]],
    ['Reds', 1, [103, 0, 13]],
  ] as const)('draws %s at %d as matplotlib does', (scale, value, colour) => {
    expect(sequentialColour(scale, value)).toEqual(colour);
  });
});

describe('contrastOf', () => {
  it('agrees with contrastOfGreys for greys', () => {
    expect(contrastOf([255, 255, 255], [0, 0, 0])).toBeCloseTo(21);
    expect(contrastOf([64, 64, 64], [200, 200, 200])).toBeCloseTo(contrastOfGreys(64, 200));
  });

  it('counts green as lighter than blue', () => {
    expect(contrastOf([255, 255, 255], [0, 0, 255])).toBeCloseTo(8.59, 2);
    expect(contrastOf([255, 255, 255], [0, 255, 0])).toBeCloseTo(1.37, 2);
  });
});

describe('reversedGrey', () => {
  // share of the maximum, what gray_r of matplotlib 3.11 draws with vmin=-0.25, vmax=1
  it.each([
    [0, 204],
    [0.05, 194],
    [0.1, 184],
    [0.25, 153],
    [0.333, 136],
    [0.5, 102],
    [0.75, 51],
    [0.9, 20],
    [1, 0],
  ])('draws %d of the maximum as matplotlib does', (share, grey) => {
    expect(reversedGrey(share, 1)).toBe(grey);
    expect(reversedGrey(share * 8, 8)).toBe(grey);
  });

  it('draws a matrix of zeros as empty', () => {
    expect(reversedGrey(0, 0)).toBe(204);
  });
});

describe('contrastOfGreys', () => {
  it('is 21 for black and white, either way, and 1 for equal greys', () => {
    expect(contrastOfGreys(0, 255)).toBeCloseTo(21, 10);
    expect(contrastOfGreys(255, 0)).toBeCloseTo(21, 10);
    expect(contrastOfGreys(80, 80)).toBe(1);
  });

  it('is the 1.6 that white text has on an empty cell', () => {
    expect(contrastOfGreys(255, 204)).toBeCloseTo(1.61, 2);
  });
});

it('formats a grey as a colour', () => {
  expect([greyColour(0), greyColour(9), greyColour(204)]).toEqual(['#000000', '#090909', '#cccccc']);
});
