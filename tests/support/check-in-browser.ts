import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import { z } from 'zod';
import { BrowserPage } from './browser.ts';
import { temporaryFolder } from './in-temporary-folder.ts';

const Findings = z.array(z.object({ id: z.string(), impact: z.string().nullable(), nodes: z.array(z.string()) }));
const SERIOUS = ['serious', 'critical'];

/** Returns the serious findings of axe on the page, with the affected elements. */
export async function seriousFindings(page: BrowserPage): Promise<z.infer<typeof Findings>> {
  const ran = `axe.run({ preload: false }).then(({ violations }) => violations.map(({ id, impact, nodes }) =>
    ({ id, impact, nodes: nodes.map(({ html }) => html.slice(0, 200)) })))`;
  return Findings.parse(await page.evaluate(ran)).filter(({ impact }) => impact !== null && SERIOUS.includes(impact));
}

/** Waits a moment, so that requested images are loaded. */
const SETTLED = `new Promise((resolve) => setTimeout(resolve, 300))`;

/**
 * Opens a report, uses it with the keyboard only, and checks it: no console message, no serious finding of axe.
 *
 * @param layer - A layer that exists but is hidden at first, with its key.
 */
export async function checkInBrowser(
  index: string,
  viewedFirst: string,
  layer = { key: '2', name: 'truth' },
): Promise<void> {
  const page = await BrowserPage.open(await temporaryFolder());
  try {
    await page.goTo(pathToFileURL(index).href);
    await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
    for (const scheme of ['light', 'dark']) {
      await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
      expect(await seriousFindings(page), scheme).toEqual([]);
    }
    // Every image, including lazy ones that load when scrolled to.
    await page.evaluate(`for (const image of document.images) image.loading = 'eager'; ${SETTLED}`);
    const broken = `[...document.images].filter(({ complete, naturalWidth }) => !complete || naturalWidth === 0).map(({ src }) => src)`;
    expect(await page.evaluate(broken)).toEqual([]);
    await checkOnPhone(page);
    await walkToViewer(page, viewedFirst);
    expect(await seriousFindings(page), 'viewer').toEqual([]);
    await walkThroughViewer(page, layer);
    expect(page.complaints).toEqual([]);
  } finally {
    await page.close();
  }
}

/** Lists the parts of the page that are cut off at its right edge: names of tables, or the page itself. */
const CUT_OFF = `[...document.querySelectorAll('main .wide'), document.documentElement]
  .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
  .map((part) => part.getAttribute('aria-label') ?? 'page')`;

/** Checks that on a phone every table fits, including initially folded ones, and the page does not scroll sideways. */
async function checkOnPhone(page: BrowserPage): Promise<void> {
  const small = { width: 390, height: 844, deviceScaleFactor: 1, mobile: true };
  await page.send('Emulation.setDeviceMetricsOverride', small);
  const setFolds = (isOpen: boolean) =>
    page.evaluate(`for (const fold of document.querySelectorAll('details')) fold.open = ${isOpen}; ${SETTLED}`);
  await setFolds(true);
  expect(await page.evaluate(CUT_OFF)).toEqual([]);
  expect(await seriousFindings(page), 'on a phone').toEqual([]);
  await setFolds(false);
  await page.send('Emulation.clearDeviceMetricsOverride', {});
}

/** Presses Tab until the first card of a gallery is focused, then Enter. */
async function walkToViewer(page: BrowserPage, viewed: string): Promise<void> {
  const focused = `document.activeElement?.dataset?.view ?? ''`;
  for (let steps = 0; steps < 300 && (await page.evaluate(focused)) !== viewed; steps++) await page.press('Tab');
  expect(await page.evaluate(focused)).toBe(viewed);
  await page.press('Enter');
  await page.evaluate(SETTLED);
  expect(await page.evaluate(`document.querySelector('dialog').open`)).toBe(true);
}

/** Zooms, moves, switches layers, goes to the next image and closes the viewer, all by keys. */
async function walkThroughViewer(
  page: BrowserPage,
  layer: { readonly key: string; readonly name: string },
): Promise<void> {
  const sheet = `(({ width, translate }) => width + ' ' + translate)(document.querySelector('.sheet').style)`;
  const title = `document.querySelector('[data-part="title"]').textContent`;
  const isHidden = `document.querySelector('.sheet [data-layer="${layer.name}"]').hidden`;
  const changes = async (key: string, what: string) => {
    const before = await page.evaluate(what);
    await page.press(key);
    expect(await page.evaluate(what), `after ${key}`).not.toEqual(before);
  };
  await changes('+', sheet);
  await changes('ArrowLeft', sheet);
  await changes('0', sheet);
  await changes(layer.key, isHidden);
  expect(await page.evaluate(`document.querySelector('[data-part="scale"]').textContent`)).toMatch(/^\d+ (µm|mm)$/);
  await changes('n', title);
  await page.press('Escape');
  expect(await page.evaluate(`document.querySelector('dialog').open`)).toBe(false);
  expect(await page.evaluate(`document.activeElement.dataset.view !== undefined`)).toBe(true);
}
