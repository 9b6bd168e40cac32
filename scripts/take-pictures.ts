// Takes the pictures of README and docs from a run of the sample, with the Chromium of this machine.
// Usage: npx reignite run && npx tsx scripts/take-pictures.ts RESULTS [TEMPORAL_UI_PAGE]
// `npx reignite ui` prints the address of the run's page and serves it until Ctrl-C.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { z } from 'zod';
import { BrowserPage } from '../tests/support/browser.ts';

const [results = 'results/sample', uiPage] = process.argv.slice(2);
const DOCS = new URL('../docs/', import.meta.url);
const Shot = z.object({ data: z.string() });
const wait = (ms: number) => `new Promise((resolve) => setTimeout(resolve, ${ms}))`;

/** Saves a screenshot of the page, reduced to 256 colours. */
async function take(page: BrowserPage, name: string): Promise<void> {
  const { data } = Shot.parse(await page.send('Page.captureScreenshot', { format: 'png' }));
  const picture = await sharp(Buffer.from(data, 'base64')).png({ palette: true, effort: 10 }).toBuffer();
  await writeFile(new URL(name, DOCS), picture);
}

const profile = await mkdtemp(join(tmpdir(), 'reignite-pictures-'));
const page = await BrowserPage.open(profile, { width: 1280, height: 800 });
try {
  await page.goTo(pathToFileURL(resolve(results, 'report/index.html')).href);
  await page.evaluate(wait(500));
  await take(page, 'report.png');
  await page.evaluate(`document.querySelector('[data-view]').click(); ${wait(1_500)}`);
  await take(page, 'viewer.png');
  if (uiPage !== undefined) {
    await page.goTo(uiPage);
    await page.evaluate(wait(8_000));
    const heading = `[...document.querySelectorAll('h2, h3')].find(({ textContent }) => textContent.includes('Timeline'))`;
    await page.evaluate(`${heading}?.scrollIntoView(); ${wait(3_000)}`);
    await take(page, 'temporal-ui.png');
  }
} finally {
  await page.close();
  await rm(profile, { recursive: true, force: true });
}
