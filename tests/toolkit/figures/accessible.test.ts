import { describe, expect, it } from 'vitest';
import { contrastOf, inkOn, READABLE_CONTRAST, shadeOf } from '../../../toolkit/figures/matrix-colours.ts';
import { renderSvg } from '../../../toolkit/figures/render-vega-lite.ts';
import { scoreDots, shadeMatrix } from '../../../toolkit/figures/report-figures.ts';

describe('accessible figures', () => {
  it('keep a contrast of 4.5:1 on every shade, and grow darker with the value', () => {
    const shades = Array.from({ length: 101 }, (_, k) => shadeOf(k / 100));
    for (const shade of shades) expect(contrastOf(inkOn(shade), shade)).toBeGreaterThanOrEqual(READABLE_CONTRAST);
    const onWhite = shades.map((shade) => contrastOf([255, 255, 255], shade));
    expect(onWhite).toEqual([...onWhite].sort((a, b) => a - b));
  });

  it('name every score in words', async () => {
    const rows = [{ name: 'Stroma', published: 0.5, ours: 0.75, low: 0.7, high: 0.8 }];
    const spec = scoreDots('Dice', 'Dice', rows);
    expect(spec.description).toContain('Stroma 0.750   (published 0.500)');
    expect(await renderSvg(spec)).toContain('(published 0.500)');
  });

  it('mark the largest cell of a row', () => {
    const names = ['a', 'b'];
    const values = [
      [0.25, 0.75],
      [null, 1],
    ];
    const texts = values.map((row) => row.map((value) => (value === null ? '' : String(value))));
    const about = { title: 'T', rows: names, columns: names, rowTitle: 'truth', columnTitle: 'prediction' };
    expect(shadeMatrix('S', { ...about, values, texts }).description).toBe(
      'S: T. a: mostly b (0.75); b: mostly b (1).',
    );
  });
});
