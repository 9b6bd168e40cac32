import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { heFigures, renderHeFigures } from '../../../toolkit/figures/he-figures.ts';
import { contrastOfGreys } from '../../../toolkit/figures/matrix-colours.ts';
import { renderVegaLite } from '../../../toolkit/figures/render-vega-lite.ts';
import { ConfusionMatrix } from '../../../toolkit/metrics/confusion-matrix.ts';
import { heMetrics } from '../../../toolkit/metrics/he-metrics.ts';
import { heOracle } from '../metrics/he-oracle.ts';

const metrics = heMetrics(ConfusionMatrix.fromRows(heOracle.confusion));
const STEMS = ['cm_all', 'f1_all', 'cm_til_use_case', 'f1_til_use_case'];
const fixture = (name: string) => join(import.meta.dirname, '../../fixtures/figures', name);

/** What each text of an SVG says. */
const textsOf = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);

let folder: string;
let written: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'he-figures-'));
  written = await renderHeFigures({ metrics, outDir: folder });
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const read = (name: string) => readFile(join(folder, name), 'utf8');

describe('renderHeFigures', () => {
  it('writes the matrix and every figure as PNG, SVG and data, and nothing else', async () => {
    const names = ['cm.npy', ...STEMS.flatMap((stem) => ['png', 'svg', 'json'].map((kind) => `${stem}.${kind}`))];
    expect(written).toEqual(names.map((name) => join(folder, name)));
    expect((await readdir(folder)).sort()).toEqual(names.sort());
  });

  it('writes cm.npy like the authors', async () => {
    const authors = join(import.meta.dirname, '../../fixtures/metrics/npy/confusion-int64.npy');
    expect(await readFile(join(folder, 'cm.npy'))).toEqual(await readFile(authors));
  });

  it.each([
    ['cm_all', 'all_classes'],
    ['cm_til_use_case', 'til_use_case'],
  ] as const)('prints the same numbers into the cells of %s as the authors', async (stem, figure) => {
    const { texts } = heOracle[figure];
    const cells = textsOf(await read(`${stem}.svg`)).filter((text) => /^\d\.\d\d$/.test(text ?? ''));
    expect(cells).toEqual([texts.total, texts.true, texts.pred].flat(2));
  });

  it.each([
    [
      'cm_all',
      ['Total Normalized', 'True Label Normalized', 'Predicted Label Normalized', 'Liver', 'Mucus/Plasma/Fluids'],
    ],
    ['cm_til_use_case', ['True Labels', 'Predicted Labels', 'Stroma and Inflammation', 'Rest']],
    ['f1_all', ['H&amp;E Segmentation Performance on All Classes', 'F1 Score', 'Overall', 'Keratinization', '0.96']],
    ['f1_til_use_case', ['H&amp;E Segmentation Performance on TIL Use Case', 'F1 Score', 'Stroma and Inflammation']],
  ])('names what %s shows', async (stem, expected) => {
    const texts = textsOf(await read(`${stem}.svg`));
    expect(texts).toEqual(expect.arrayContaining(expected));
    expect(texts).not.toContain('Unannotated');
  });

  it.each(['f1_all', 'f1_til_use_case'])('draws the bars of %s like the authors', async (stem) => {
    const expected = heOracle.bars[`figures/he/${stem}.png`]?.map(([, , height, text]) => [height, text]);
    const figure = JSON.parse(await read(`${stem}.json`));
    const bars: { label: string; shown: number; text: string; fill: string }[] = figure.bars;
    expect(bars.filter(({ text }) => text !== '').map(({ shown, text }) => [shown, text])).toEqual(expected);
    expect(bars.map(({ label }) => label)).not.toContain('Background');
    for (const { label, fill } of bars) {
      const colour = heOracle.barColours[label]?.map((channel) => Math.round(channel * 255));
      expect(fill).toBe(`rgb(${colour?.join(', ')})`);
    }
    expect(textsOf(await read(`${stem}.svg`))).toEqual(
      expect.arrayContaining(bars.map(({ text }) => text).filter((text) => text !== '')),
    );
  });

  it.each([
    ['cm_all', 1_200, 3_600],
    ['cm_til_use_case', 1_200, 3_600],
    ['f1_all', 1_200, 600],
    ['f1_til_use_case', 1_200, 600],
  ])('draws %s at least as large as the authors, with its text', async (stem, width, height) => {
    const { data, info } = await sharp(join(folder, `${stem}.png`))
      .greyscale()
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info.width).toBeGreaterThanOrEqual(width);
    expect(info.height).toBeGreaterThanOrEqual(height);
    // Left of the axis there is nothing but text: without a font this would be white.
    let dark = 0;
    for (let y = 0; y < info.height; y++) {
      for (let x = 0; x < 80; x++) if ((data[y * info.width + x] ?? 255) < 100) dark++;
    }
    expect(dark).toBeGreaterThan(200);
  });

  it.each(['cm_til_use_case', 'f1_til_use_case'])('draws %s with the same bytes every time', async (stem) => {
    const [figure] = heFigures(metrics).filter((one) => one.stem === stem);
    if (figure === undefined) throw new Error(`No figure ${stem}`);
    const { svg, png } = await renderVegaLite(figure.spec);
    expect(svg).toBe(await read(`${stem}.svg`));
    expect((await readFile(join(folder, `${stem}.png`))).equals(png)).toBe(true);
  });

  it('stops when aborted, leaving only complete files', async () => {
    const aborted = await mkdtemp(join(tmpdir(), 'he-figures-'));
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(renderHeFigures({ metrics, outDir: aborted, signal })).rejects.toThrow('enough');
    expect(await readdir(aborted)).toEqual(['cm.npy']);
    await rm(aborted, { recursive: true });
  });
});

describe('heFigures', () => {
  it.each(STEMS)('specifies %s as recorded', async (stem) => {
    const figure = heFigures(metrics).find((one) => one.stem === stem);
    await expect(`${JSON.stringify(figure?.spec, null, 1)}\n`).toMatchFileSnapshot(fixture(`${stem}.vl.json`));
  });

  it('keeps the text of every cell readable', () => {
    const cells = heFigures(metrics)
      .flatMap(({ spec }) => [...JSON.stringify(spec).matchAll(/"fill":"#(..)\1\1","ink":"#(..)\2\2"/g)])
      .map(([, fill = '', ink = '']) => contrastOfGreys(Number.parseInt(fill, 16), Number.parseInt(ink, 16)));
    expect(cells).toHaveLength(3 * (16 * 16 + 6 * 6));
    expect(Math.min(...cells)).toBeGreaterThanOrEqual(4.5);
  });

  it('draws a test set without a single annotated pixel', async () => {
    const warn = vi.spyOn(console, 'warn');
    for (const { stem, spec } of heFigures(heMetrics(ConfusionMatrix.zeros(17)))) {
      if (stem === 'cm_all') continue;
      expect(textsOf((await renderVegaLite(spec)).svg), stem).not.toContain('NaN');
    }
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });
});
