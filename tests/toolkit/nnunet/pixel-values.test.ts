import { describe, expect, it } from 'vitest';
import type { Normalisation } from '../../../toolkit/nnunet/model-card.ts';
import { pixelValues } from '../../../toolkit/nnunet/sliding-window/tile-input.ts';
import { cropped, nonZeroBox, nonZeroMask } from '../../../toolkit/nnunet/sliding-window/tiled-roi.ts';

const GREY = [0, 10, 20, 30];
const pixels = Uint8Array.from(GREY.flatMap((value) => [value, value, value]));

/** What the first channel's table makes of the values of a 2 x 2 image. */
function seen(scheme: Normalisation, inside?: Uint8Array): number[] {
  const [table] = pixelValues({ width: 2, height: 2, pixels, channels: 3, ...(inside && { inside }) }, [scheme]).tables;
  return GREY.map((value) => table?.[value] ?? Number.NaN);
}

describe('pixelValues', () => {
  it('matches the normalisations of nnU-Net v2', () => {
    expect(seen({ scheme: 'None' })).toEqual(GREY);
    expect(seen({ scheme: 'RGBTo01' })).toEqual(GREY.map((value) => Math.fround(value / 255)));
    expect(seen({ scheme: 'RescaleTo01' })).toEqual([0, 1 / 3, 2 / 3, 1].map(Math.fround));
    const std = Math.fround(Math.sqrt(125));
    expect(seen({ scheme: 'ZScore', masked: false })).toEqual(
      [-15, -5, 5, 15].map((value) => Math.fround(value / std)),
    );
    const ct = { scheme: 'CT', mean: 15, std: 4, low: 5, high: 25 } as const;
    expect(seen(ct)).toEqual([-2.5, -1.25, 1.25, 2.5]);
  });

  it('has the percentiles of NumPy, and the statistics of all channels together', () => {
    // np.percentile of these ten, [5, 60]: 0 and 92; mean 84, deviation 94.88940931.
    const values = [0, 0, 0, 10, 10, 20, 200, 200, 200, 200];
    const image = (other: number) => ({
      width: 5,
      height: 2,
      channels: 3,
      pixels: Uint8Array.from(values.flatMap((value) => [value, other, other])),
    });
    const percentiles = { scheme: 'Percentiles', low: 5, high: 60, epsilon: 1, together: false } as const;
    expect(pixelValues(image(0), [percentiles]).tables[0]?.[200]).toBeCloseTo(200 / 93, 6);
    const deviation = { scheme: 'Standardised', epsilon: 0.5, together: false } as const;
    expect(pixelValues(image(0), [deviation]).tables[0]?.[0]).toBeCloseTo(-84 / (94.88940931 + 0.5), 6);
    const together = { ...deviation, together: true };
    const mean = (84 + 2 * 60) / 3;
    const std = Math.sqrt((94.88940931 ** 2 + (84 - mean) ** 2 + 2 * (60 - mean) ** 2) / 3);
    const { tables } = pixelValues(image(60), [together, together, together]);
    expect(tables.map((table) => table[10])).toEqual([0, 1, 2].map(() => expect.closeTo((10 - mean) / (std + 0.5), 6)));
  });

  it('uses mean and deviation of only the pixels of a mask', () => {
    const [, second, , fourth] = seen({ scheme: 'ZScore', masked: true }, Uint8Array.of(0, 1, 0, 1));
    expect([second, fourth]).toEqual([-1, 1]);
  });

  it('does not divide by almost zero for an image of one value', () => {
    const flat = { width: 1, height: 1, channels: 3, pixels: Uint8Array.of(7, 7, 7) };
    for (const scheme of [{ scheme: 'ZScore', masked: false } as const, { scheme: 'RescaleTo01' } as const]) {
      expect(pixelValues(flat, [scheme]).tables[0]?.[7]).toBe(0);
    }
  });
});

describe('nonZeroBox', () => {
  const image = (rows: readonly string[]) =>
    Uint8Array.from(rows.flatMap((row) => [...row].flatMap((pixel) => (pixel === '#' ? [0, 0, 1] : [0, 0, 0]))));

  it.each([
    [['....', '.#..', '..#.'], { top: 1, bottom: 3, left: 1, right: 3 }],
    [['#..#'], { top: 0, bottom: 1, left: 0, right: 4 }],
    [['....', '....'], { top: 0, bottom: 2, left: 0, right: 4 }],
  ])('finds the rectangle of %j', (rows, box) => {
    expect(nonZeroBox(image(rows), 4, rows.length)).toEqual(box);
  });

  it('crops; black pixels count as outside, also enclosed ones', () => {
    const rows = ['.###.', '##.##', '#...#', '##.##', '.####'];
    const mask = nonZeroMask(image(rows), 3);
    expect([...mask].join('')).toBe(['01110', '11011', '10001', '11011', '01111'].join(''));
    expect([...cropped(mask, 5, 1, { top: 3, bottom: 5, left: 0, right: 2 })]).toEqual([1, 1, 0, 1]);
  });
});
