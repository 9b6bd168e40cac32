import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import { compareSides } from '../../../toolkit/compare/compare-sides.ts';
import { drawComparedLayers } from '../../../toolkit/compare/comparison-layers.ts';
import type { Side } from '../../../toolkit/compare/read-side.ts';
import { comparisonDocument, writeComparison, writeComparisonPage } from '../../../toolkit/compare/write-comparison.ts';
import { BROWSER } from '../../support/browser.ts';
import { checkInBrowser } from '../../support/check-in-browser.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const config = VerdictConfig.parse({});
const { signal } = new AbortController();
const SIZE = 96;

/** Predictions of two images named by a user: a square of tumour in stroma, and the image itself. */
async function predictions(name: string, edge: number): Promise<Side> {
  const folder = await temporaryFolder();
  const mask = join(folder, 'mask.png');
  const labels = Uint8Array.from({ length: SIZE ** 2 }, (_, at) =>
    at % SIZE < edge && Math.floor(at / SIZE) < edge ? 2 : 4,
  );
  const raw = { width: SIZE, height: SIZE, channels: 1 as const };
  await sharp(labels, { raw }).toColourspace('b-w').png().toFile(mask);
  const image = join(folder, 'image.png');
  const create = { width: SIZE, height: SIZE, channels: 3 as const, background: '#c080a0' };
  await sharp({ create }).png().toFile(image);
  const of = (path: string) =>
    new Map([
      ['one <&>', path],
      ['two', path],
    ]);
  const about = new Map([['folds', name]]);
  const he = { predictions: of(mask), images: of(image) };
  return { name, kind: 'prediction', folder, isSynthetic: true, about, tasks: new Map([['he', he]]) };
}

async function pageOf(a: Side, b: Side): Promise<string> {
  const out = await temporaryFolder();
  const comparison = await compareSides(a, b, { config, signal, onRoi: () => undefined });
  const layers = await drawComparedLayers(out, a, b, comparison.tasks, config.cells.tolerance.maxDistance, signal);
  await writeComparison(out, comparisonDocument(a, b, comparison), comparison);
  await writeComparisonPage(out, a, b, comparison, layers, '0.0.0');
  return out;
}

describe('writeComparisonPage', () => {
  it('shows the largest differences first, every ROI, and that the data are synthetic', async () => {
    const out = await pageOf(await predictions('A, fold 0', 40), await predictions('B, all folds', 60));
    const page = await readFile(join(out, 'report', 'index.html'), 'utf8');
    expect(page.indexOf('B, all folds')).toBeLessThan(page.indexOf('H&amp;E tissue segmentation <span'));
    expect(page).toContain('They differ.');
    expect(page).toContain('Synthetic data');
    expect(page).toContain('one &lt;&amp;&gt;');
    const document = JSON.parse(await readFile(join(out, 'comparison.json'), 'utf8'));
    expect(document.tasks.he.worst).toHaveLength(2);
    expect(document.tasks.he.agreement.classes['2']).toEqual({ a: 3200, b: 7200, same: 3200 });
  });

  it.skipIf(BROWSER === undefined)('opens in a browser without messages, viewer included', async () => {
    const out = await pageOf(await predictions('A', 40), await predictions('B', 60));
    await checkInBrowser(join(out, 'report', 'index.html'), 'he/one <&>', { key: '3', name: 'published' });
  });
});
