import { describe, expect, it } from 'vitest';
import { contrastOf, contrastOfGreys, sequentialColour } from '../../../toolkit/figures/matrix-colours.ts';

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
