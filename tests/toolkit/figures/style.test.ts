import { Canvas } from 'canvas';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { renderVegaLite } from '../../../toolkit/figures/render-vega-lite.ts';
import { FIGURE_FONT, registerFonts, withResolution } from '../../../toolkit/figures/style.ts';

const create = { width: 5, height: 4, channels: 3 as const, background: '#123456' };

describe('withResolution', () => {
  it('states the size of a figure without changing its pixels', async () => {
    const png = await sharp({ create }).png().toBuffer();
    const marked = withResolution(png, 150);
    expect(await sharp(marked).metadata()).toMatchObject({ width: 5, height: 4, density: 150 });
    expect(await sharp(marked).raw().toBuffer()).toEqual(await sharp(png).raw().toBuffer());
  });

  it('replaces an earlier resolution', async () => {
    const png = withResolution(await sharp({ create }).png().toBuffer(), 300);
    expect((await sharp(png).metadata()).density).toBe(300);
    expect((await sharp(withResolution(png)).metadata()).density).toBe(150);
    expect(Buffer.from(withResolution(png)).toString('latin1').split('pHYs')).toHaveLength(2);
  });

  it('is set in figures of numbers', async () => {
    const { png } = await renderVegaLite({ data: { values: [{ a: 1 }] }, mark: 'point', encoding: {} });
    expect((await sharp(png).metadata()).density).toBe(150);
  });
});

it('measures text in DejaVu Sans, whatever fonts the machine has', () => {
  registerFonts();
  registerFonts();
  const context = new Canvas(1, 1).getContext('2d');
  context.font = `100px ${FIGURE_FONT}`;
  // The font's own table: three digits of 1303 and a point of 651 units, 2048 to the em.
  expect(context.measureText('0.00').width).toBeCloseTo((100 * 4560) / 2048, 1);
});
