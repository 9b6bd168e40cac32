import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { writeBoxesPage } from '../../../toolkit/evaluate/evaluate-boxes.ts';
import type { ImagePrediction } from '../../../toolkit/predict/prediction.ts';
import { writePredictionPage } from '../../../toolkit/predict/prediction-page.ts';
import type { RoiLayers } from '../../../toolkit/report/layers/draw-layers.ts';
import { forestPlot } from '../../../toolkit/report/page/figures.ts';
import { spotChecks } from '../../../toolkit/report/page/gallery.ts';
import { html, table } from '../../../toolkit/report/page/html.ts';
import { writeStandalonePage } from '../../../toolkit/report/write-page.ts';
import { BROWSER, BrowserPage } from '../../support/browser.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const STRANGE = 'one <b>&"';
const SIZE = { width: 96, height: 64 };

/** A folder with the prediction of one image with a strange name. */
async function predicted(): Promise<string> {
  const out = await temporaryFolder();
  const image = join(out, 'image.png');
  const create = { ...SIZE, channels: 3 as const, background: '#c080a0' };
  await sharp({ create }).png().toFile(image);
  await mkdir(join(out, 'coloured'));
  await sharp({ create: { ...create, background: '#e03020' } })
    .png()
    .toFile(join(out, 'coloured', 'one.png'));
  const prediction: ImagePrediction = {
    ...{ image, name: STRANGE, ...SIZE, cached: false, provider: 'cpu', seconds: 1 },
    notes: ['Do not trust <script>alert(1)</script>.'],
    areas: [{ value: 2, name: 'Tumor <cells>', pixels: 6_144, share: 1 }],
    files: { coloured: 'coloured/one.png' },
  };
  const failure = { image, code: 'IMAGE_UNREADABLE', cause: 'It <is> broken.', remedy: 'Mend it.' } as const;
  const model = { path: '/models/<he>', digest: 'a'.repeat(64) };
  const summary = { task: 'he', model, settings: { mpp: 0.5 }, images: [prediction], failures: [failure] } as const;
  await writePredictionPage(out, summary, '0.0.0');
  return join(out, 'report', 'index.html');
}

/** A square PNG of one bit per pixel, in which all are 0. */
function blackPng(side: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc((1 + Math.ceil(side / 8)) * side), { level: 1 });
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

describe('writePredictionPage', () => {
  it('shows numbers, notes and failures, and says that it is for research only', async () => {
    const page = await readFile(await predicted(), 'utf8');
    expect(page).toContain('1 image predicted, 1 failed.');
    expect(page).toContain('Do not trust &lt;script&gt;alert(1)&lt;/script&gt;.');
    expect(page).toContain('It &lt;is&gt; broken.');
    expect(page).toContain('Tumor &lt;cells&gt; 100.00 %');
    expect(page).toContain('For research only, not for diagnosis.');
    expect(page).not.toContain('/models/');
    expect(page).not.toMatch(/<(b|is|he|cells)>/);
  });

  it('draws masks and overlays with more pixels than the library accepts by default', async () => {
    const out = await temporaryFolder();
    const image = join(out, 'image.png');
    await sharp({ create: { ...SIZE, channels: 3, background: '#c080a0' } })
      .png()
      .toFile(image);
    await writeFile(join(out, 'large.png'), blackPng(16_400));
    const predictionOf = (name: string, files: ImagePrediction['files']): ImagePrediction => ({
      ...{ image, name, width: 16_400, height: 16_400, cached: false, provider: 'cpu', seconds: 1, notes: [] },
      files,
    });
    const images = [predictionOf('mask', { coloured: 'large.png' }), predictionOf('slide', { overlay: 'large.png' })];
    const model = { path: '/models/he', digest: 'a'.repeat(64) };
    await writePredictionPage(out, { task: 'he', model, settings: {}, images, failures: [] }, '0.0.0');
    const assets = join(out, 'report', 'assets', 'he');
    expect(await sharp(join(assets, 'mask', 'ours.webp')).metadata()).toMatchObject({ width: 1_600, height: 1_600 });
    expect(await sharp(join(assets, 'slide', 'overlay.webp')).metadata()).toMatchObject({ width: 800, height: 800 });
  });

  it.skipIf(BROWSER === undefined)('opens in a browser without messages, viewer included', async () => {
    const page = await BrowserPage.open(await temporaryFolder(), { width: 390, height: 844 });
    try {
      const index = await predicted();
      await page.goTo(`file://${index}`);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
      await page.evaluate(`document.querySelector('[data-view]').click()`);
      expect(await page.evaluate(`document.getElementById('viewer').open`)).toBe(true);
      expect(await page.evaluate(`document.querySelector('[data-part="title"]').textContent`)).toBe(STRANGE);
      expect(page.complaints).toEqual([]);
    } finally {
      await page.close();
    }
  });
});

describe('a table that is wider than the page', () => {
  /** A page with a folded table of seven columns, of which one value is missing. */
  async function pageWithTable(): Promise<string> {
    const out = await temporaryFolder();
    const head = ['', ...Array.from({ length: 6 }, (_, k) => `a long head ${k}`)];
    const rows = [['Stroma', '0.1', '0.2', '0.3', '0.4', '–', '0.6']];
    await writeStandalonePage(out, {
      ...{ title: 't', question: 'q', answer: 'a', tone: 'differs', lead: html`l`, links: [], isSynthetic: false },
      main: html`<details><summary>Numbers</summary>${table('Scores', head, rows)}</details>`,
      footer: 'f',
      viewed: { words: {}, rois: [] },
    });
    return `file://${join(out, 'report', 'index.html')}`;
  }

  it.skipIf(BROWSER === undefined)('is shown row by row on a phone, each value with its head', async () => {
    const page = await BrowserPage.open(await temporaryFolder(), { width: 390, height: 844 });
    try {
      await page.goTo(await pageWithTable());
      const opened = `document.querySelector('details').open = true; new Promise((resolve) => setTimeout(resolve, 300))`;
      await page.evaluate(opened);
      const place = `document.querySelector('.wide')`;
      expect(await page.evaluate(`${place}.scrollWidth - ${place}.clientWidth`)).toBe(0);
      const shown = `[...document.querySelectorAll('td')].filter((cell) => cell.checkVisibility() && cell.dataset.head)
        .map((cell) => getComputedStyle(cell, '::before').content + cell.textContent)`;
      expect(await page.evaluate(shown)).toEqual([0, 1, 2, 3, 5].map((k) => `"a long head ${k}"0.${k + 1}`));
      const wide = { width: 1_400, height: 900, deviceScaleFactor: 1, mobile: false };
      await page.send('Emulation.setDeviceMetricsOverride', wide);
      await page.evaluate(opened);
      expect(await page.evaluate(`document.querySelectorAll('.rows').length`)).toBe(0);
      expect(page.complaints).toEqual([]);
    } finally {
      await page.close();
    }
  });
});

describe('writeBoxesPage', () => {
  it('shows the precision of every class', async () => {
    const out = await temporaryFolder();
    const classes = [{ name: 'cell <a>', ap50: 0.5, ap5095: null, objects: 3, predicted: 4 }];
    const evaluated = {
      metrics: { map50: 0.5, map5095: 0.25, limit: 100, classes },
      images: 2,
      remarks: ['One <is> lost.'],
    };
    await writeBoxesPage(out, evaluated, { predictions: 'mine', truth: 'boxes.json' }, '0.0.0');
    const page = await readFile(join(out, 'report', 'boxes.html'), 'utf8');
    expect(page).toContain('mAP50 0.5000, mAP50-95 0.2500');
    expect(page).toContain('<th scope="row">cell &lt;a&gt;</th><td>0.5000</td><td>absent</td><td>3</td><td>4</td>');
    expect(page).toContain('One &lt;is&gt; lost.');
  });
});

describe('forestPlot', () => {
  it('shows each score with its interval, and whether it equals the published one', () => {
    const interval = { low: 0.8, high: 0.95, dropped: 0 };
    const plot = String(
      forestPlot('Dice', 'yours', [
        { label: 'Overall', value: 0.9, interval, published: 0.9 },
        { label: 'Stroma', value: 0.85, published: 0.8 },
        { label: 'Liver', value: null, published: 0 },
      ]),
    );
    expect(plot).toContain('0.9000 (0.8000 to 0.9500), as published');
    expect(plot).toContain('0.8500, published 0.8000');
    expect(plot).not.toContain('Liver');
    // The axis is from 0.8 to 1.0, with a margin of 3 % on both sides.
    expect(plot).toContain('<circle class="ours" cx="50.00%"');
    expect(plot).toContain('x1="3.00%" x2="73.50%"');
  });

  it('is left out without scores', () => {
    expect(String(forestPlot('Dice', 'yours', [{ label: 'Liver', value: null }]))).toBe('');
  });
});

describe('spotChecks', () => {
  const layers: RoiLayers = {
    task: 'he',
    roi: 'one',
    width: 1_000,
    height: 500,
    classes: [],
    notes: [],
    spots: [],
    files: { image: 'assets/he/one/image.webp', published: 'a.webp', ours: 'b.webp' },
  };
  const names = { published: 'published', ours: 'reproduced' };

  it('cut the places that differ most out of the layers, within the image', () => {
    const spots = [
      { x: 500, y: 250, count: 9 },
      { x: 10, y: 495, count: 20 },
    ];
    const shown = String(spotChecks([{ ...layers, spots }], names));
    expect(shown.indexOf('20 differing pixels')).toBeLessThan(shown.indexOf('9 differing pixels'));
    // 192 of 1,000 x 500 px: the first place is at the left and lower edge.
    expect(shown).toContain('width:520.83%;height:260.42%;left:-0.00%;top:-160.42%');
    expect(shown).toContain('left:5.21%;top:97.40%');
    expect(shown).toContain('left:-210.42%;top:-80.21%');
  });

  it('are left out if nothing differs', () => {
    expect(String(spotChecks([{ ...layers, spots: [] }], names))).toBe('');
  });
});
