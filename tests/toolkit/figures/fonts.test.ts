import { Canvas } from 'canvas';
import { expect, it } from 'vitest';
import { FIGURE_FONT, registerFonts } from '../../../toolkit/figures/style.ts';

it('measures text in DejaVu Sans, whatever fonts the machine has', () => {
  registerFonts();
  registerFonts();
  const context = new Canvas(1, 1).getContext('2d');
  context.font = `100px ${FIGURE_FONT}`;
  // The font's own table: three digits of 1303 and a point of 651 units, 2048 to the em.
  expect(context.measureText('0.00').width).toBeCloseTo((100 * 4560) / 2048, 1);
});
