import { describe, expect, it } from 'vitest';
import { HE_LABELS } from '../../../toolkit/dataset/tissue-labels.ts';
import { labelColours, overlayLabels } from '../../../toolkit/figures/case-figure.ts';
import { averageImage, type PanelGrid } from '../../../toolkit/figures/panel-figure.ts';

/** A panel of 2 x 1 px over the right 4 x 2 px of an image of 5 x 2 px. */
const grid: PanelGrid = {
  width: 2,
  height: 1,
  imageWidth: 5,
  left: Int32Array.of(1, 3),
  right: Int32Array.of(3, 5),
  top: Int32Array.of(0),
  bottom: Int32Array.of(2),
};
const grey = (...values: number[]) => Uint8Array.from(values.flatMap((value) => [value, value, value]));

describe('averageImage', () => {
  it('is the mean of the pixels below a panel pixel, channel by channel', () => {
    const image = grey(...[9, 10, 20, 100, 100], ...[9, 30, 40, 100, 101]);
    image[4 * 3] = 200; // the red of the last pixel of the first row
    expect([...averageImage(image, grid)]).toEqual([25, 25, 25, 255, 125, 100, 100, 255]);
  });
});

describe('overlayLabels', () => {
  const base = Uint8ClampedArray.of(100, 100, 100, 255, 40, 40, 40, 255);

  it('lays labels over the image at half opacity', () => {
    const labels = Uint8Array.of(...[0, 4, 4, 0, 0], ...[0, 4, 4, 0, 0]);
    const pixels = overlayLabels(base, labels, grid, labelColours(HE_LABELS));
    // Stroma is 255 251 0, Unannotated black.
    expect([...pixels]).toEqual([178, 176, 50, 255, 20, 20, 20, 255]);
    expect(base[0]).toBe(100);
  });

  it('mixes the labels below one panel pixel', () => {
    const labels = Uint8Array.of(...[0, 1, 1, 0, 0], ...[0, 0, 0, 1, 1]);
    const [red] = overlayLabels(base, labels, grid, labelColours(HE_LABELS));
    expect(red).toBe(Math.round(50 + 255 / 4));
  });

  it('draws a value that is not a label grey, and leaves unpredicted pixels unchanged', () => {
    const labels = Uint8Array.of(...[0, 255, 255, 17, 17], ...[0, 255, 255, 17, 17]);
    expect([...overlayLabels(base, labels, grid, labelColours(HE_LABELS))]).toEqual([
      114, 114, 114, 255, 84, 84, 84, 255,
    ]);
    expect([...overlayLabels(base, labels, grid, labelColours(HE_LABELS, 255))]).toEqual([
      100, 100, 100, 255, 84, 84, 84, 255,
    ]);
  });
});
