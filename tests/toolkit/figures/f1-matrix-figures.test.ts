import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import type { CellTask } from '../../../config/tasks.ts';
import { f1Figures, renderF1Figures } from '../../../toolkit/figures/f1-matrix.ts';
import { contrastOf } from '../../../toolkit/figures/matrix-colours.ts';
import { renderVegaLite } from '../../../toolkit/figures/render-vega-lite.ts';
import { evaluateDetection } from '../../../toolkit/metrics/agreement.ts';
import { suiteFolder, temporaryFolder } from '../../support/in-temporary-folder.ts';
import { agreementOracle } from '../metrics/agreement-oracle.ts';

const oracleOf = (tree: 'open' | 'edge', task: CellTask) => {
  const { annotations, points, expected } = agreementOracle(tree, task);
  return { expected, metrics: evaluateDetection({ task, annotations, points }).metrics };
};

/** What each text of an SVG says. */
const textsOf = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);

const suite = suiteFolder();

describe('renderF1Figures', () => {
  it.each([
    ['nuclei', ['f1_scores_nuclei']],
    ['pdl1', ['f1_scores_RUMC', 'f1_scores_SCDC']],
  ] as const)('writes the figures of %s as PNG, SVG and data, with what the authors print', async (task, stems) => {
    const { metrics, expected } = oracleOf('open', task);
    const outDir = join(suite(), task);
    const written = await renderF1Figures({ task, metrics, outDir });
    const names = stems.flatMap((stem) => ['png', 'svg', 'json'].map((kind) => `${stem}.${kind}`));
    expect(written).toEqual(names.map((name) => join(outDir, name)));
    expect((await readdir(outDir)).sort()).toEqual(names.sort());
    for (const [k, stem] of stems.entries()) {
      const drawn = expected.drawn[k];
      const texts = textsOf(await readFile(join(outDir, `${stem}.svg`), 'utf8'));
      expect(texts).toContain(drawn?.title);
      expect(texts.filter((text) => /^\d\.\d\d$/.test(text ?? ''))).toEqual(
        drawn?.df.flat().flatMap((value) => (value === null ? [] : [value.toFixed(2)])),
      );
      const data = JSON.parse(await readFile(join(outDir, `${stem}.json`), 'utf8'));
      expect(data).toMatchObject({ title: drawn?.title, scale: drawn?.cmap });
      expect(data.f1).toEqual(Object.values(metrics.groups)[k]?.f1['macro']);
    }
  });

  it.each([
    ['nuclei', 'f1_scores_nuclei', ['Rᵢ', 'Rᵢᵢ', 'Rᵢᵢᵢ', 'Rᵢᵥ', 'AI']],
    ['pdl1', 'f1_scores_SCDC', ['P₄', 'P₅', 'P₆', 'AI']],
  ] as const)('names the readers of %s as the paper does', async (task, stem, labels) => {
    const figure = f1Figures(oracleOf('open', task).metrics, task).find((one) => one.stem === stem);
    expect(figure?.data.labels).toEqual(labels);
    const texts = textsOf((await renderVegaLite(figure?.spec ?? expect.fail())).svg);
    for (const label of labels) expect(texts.filter((text) => text === label)).toHaveLength(2);
  });

  it('renders the text of the axes', async () => {
    const [figure] = f1Figures(oracleOf('open', 'pdl1').metrics, 'pdl1');
    const { png, svg } = await renderVegaLite(figure?.spec ?? expect.fail());
    const again = await renderVegaLite(figure?.spec ?? expect.fail());
    expect(again.svg).toBe(svg);
    expect(Buffer.from(again.png).equals(png)).toBe(true);
    const { data, info } = await sharp(png).greyscale().raw().toBuffer({ resolveWithObject: true });
    expect(info.width).toBeGreaterThan(479);
    let dark = 0;
    for (let y = 0; y < info.height; y++) {
      for (let x = 0; x < 60; x++) if ((data[y * info.width + x] ?? 255) < 100) dark++;
    }
    expect(dark).toBeGreaterThan(200);
  });

  it('puts a dash where two readers have no image in common', async () => {
    const warn = vi.spyOn(console, 'warn');
    const figures = f1Figures(oracleOf('edge', 'pdl1').metrics, 'pdl1');
    const figure = figures.find(({ stem }) => stem === 'f1_scores_SCDC');
    expect(figure?.data.texts).toEqual([
      ['', '', '', ''],
      ['–', '', '', ''],
      [expect.stringMatching(/^0\.\d\d$/), '–', '', ''],
      [expect.stringMatching(/^0\.\d\d$/), '–', expect.stringMatching(/^0\.\d\d$/), ''],
    ]);
    const { svg } = await renderVegaLite(figure?.spec ?? expect.fail());
    expect(textsOf(svg).filter((text) => text === '–')).toHaveLength(3);
    expect(svg).not.toContain('NaN');
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it('rounds like Python, with halves of the exact value to even', () => {
    const readers = ['reader P1', 'AI'];
    const group = (value: number) => ({ readers, f1: { macro: [[null, value]] }, confusion: {} });
    const textOf = (value: number) => f1Figures({ groups: { RUMC: group(value) } }, 'pdl1')[0]?.data.texts[1]?.[0];
    expect([0.125, 0.375, 0.285, 1, 0].map(textOf)).toEqual(['0.12', '0.38', '0.28', '1.00', '0.00']);
  });

  it('is readable at every value of both scales', () => {
    const readers = ['reader P1', 'AI'];
    for (const name of ['RUMC', 'SCDC'] as const) {
      for (let percent = 0; percent <= 100; percent++) {
        const group = { readers, f1: { macro: [[null, percent / 100]] }, confusion: {} };
        const spec = JSON.stringify(f1Figures({ groups: { [name]: group } }, 'pdl1')[0]?.spec);
        const cell = /"fill":"rgb\((\d+), (\d+), (\d+)\)","ink":"rgb\((\d+), (\d+), (\d+)\)"/.exec(spec);
        const [r1 = 0, g1 = 0, b1 = 0, r2 = 0, g2 = 0, b2 = 0] = (cell ?? []).slice(1).map(Number);
        expect(contrastOf([r1, g1, b1], [r2, g2, b2]), `${name} ${percent}`).toBeGreaterThanOrEqual(3);
      }
    }
  });

  it('stops when aborted', async () => {
    const outDir = await temporaryFolder();
    const signal = AbortSignal.abort(new Error('enough'));
    const { metrics } = oracleOf('edge', 'pdl1');
    await expect(renderF1Figures({ task: 'pdl1', metrics, outDir, signal })).rejects.toThrow('enough');
    expect(await readdir(outDir)).toEqual([]);
  });
});
