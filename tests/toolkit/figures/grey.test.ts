import { describe, expect, it } from 'vitest';
import { contrastOfGreys, greyColour, reversedGrey } from '../../../toolkit/figures/matrix-colours.ts';

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
