import { existsSync } from 'node:fs';
import { cp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { makeFolder } from '../../../toolkit/files/folders.ts';
import { writeNpy } from '../../../toolkit/numpy.ts';
import { slideCellFiles, slideTissueFiles } from '../../../toolkit/predict/prediction.ts';
import { viewedSlides } from '../../../toolkit/predict/viewer/viewed-slides.ts';
import { planViewer, writeViewer } from '../../../toolkit/predict/viewer/write-viewer.ts';
import type { Rows } from '../../../toolkit/slide/infer/slide-rows.ts';
import { writePyramid } from '../../../toolkit/slide/write-pyramid.ts';
import { BROWSER, BrowserPage } from '../../support/browser.ts';
import { seriousFindings } from '../../support/check-in-browser.ts';
import { digestsBelow } from '../../support/files-below.ts';
import { suiteFolder, temporaryFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';

const folder = suiteFolder();
const NAME = 'slide #1';
/** At 0.5 µm/px, as the network saw it; the slide itself is twice as large. */
const [WIDTH, HEIGHT] = [1301, 700];
const LAYERS = ['slide', 'classes', 'confidence', 'cells'];
const PALETTE = [
  [0, 0, 0],
  [250, 0, 0],
  [0, 200, 10],
] as const;

/** Vertical stripes of two labels, one px wide; nothing computed on the right. */
function label(x: number): number {
  return x < 900 ? 1 + (x % 2) : 255;
}

async function* rowsOf(value: (x: number, y: number) => number): AsyncGenerator<Rows> {
  for (let y = 0; y < HEIGHT; y++) yield { count: 1, data: Uint8Array.from({ length: WIDTH }, (_, x) => value(x, y)) };
}

beforeAll(async () => {
  const size = { width: 2 * WIDTH, height: 2 * HEIGHT };
  await sharp(noise(size.width * size.height * 3, 5), { raw: { ...size, channels: 3 } })
    .tiff({
      compression: 'deflate',
      tile: true,
      tileWidth: 256,
      tileHeight: 256,
      xres: 4_000,
      yres: 4_000,
      resolutionUnit: 'cm',
    })
    .toFile(join(folder(), `${NAME}.tif`));
  const tissue = slideTissueFiles(NAME);
  const cells = slideCellFiles(NAME);
  const picture = { width: WIDTH, height: HEIGHT, mpp: 0.5, description: 'made' };
  await writePyramid(join(folder(), 'tissue', tissue.mask), rowsOf(label), { ...picture, palette: PALETTE });
  await writePyramid(
    join(folder(), 'tissue', tissue.margin),
    rowsOf((x) => (x < 900 ? 100 : 0)),
    picture,
  );
  await writeNpy(join(folder(), 'cells', cells.points), {
    dtype: 'float32',
    shape: [2, 3],
    // px of the slide; the second lies where tiles meet.
    data: Float32Array.from([200, 100, 0, 1024, 1024, 1]),
  });
  const image = { image: join(folder(), `${NAME}.tif`), name: NAME, ...size, mpp: 0.25 };
  const how = { cached: false, provider: 'cpu', seconds: 1, notes: ['<b>A note</b>'] };
  const areas = [1, 2].map((value) => ({ value, name: `class ${value}`, pixels: 1, share: 0.5 }));
  const counts = ['one', 'two'].map((name, value) => ({ value, name, count: 1 }));
  const common = { model: { path: 'model', digest: 'none' }, settings: { resample: false }, failures: [] };
  const write = (of: string, summary: object) =>
    writeFile(join(folder(), of, 'summary.json'), JSON.stringify({ ...common, ...summary }));
  await write('tissue', { task: 'he', images: [{ ...image, ...how, areas, files: tissue }] });
  await write('cells', { task: 'pdl1', images: [{ ...image, ...how, counts, cells: 2, files: cells }] });
});

const slides = () => viewedSlides([join(folder(), 'tissue'), join(folder(), 'cells')]);

async function write(out: string, { signal, onTile }: { signal?: AbortSignal; onTile?: () => void } = {}) {
  const options = { out: join(folder(), out), isFull: false, ...(signal && { signal }) };
  const found = await slides();
  return writeViewer(found, await planViewer(found, options), options, onTile);
}

async function pixels(...path: string[]) {
  const image = sharp(join(folder(), 'viewer', 'tiles', NAME, ...path));
  const { data, info } = await image.ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return { ...info, data };
}

const Summary = z.looseObject({ images: z.array(z.looseObject({})) });

/** Writes a copy of the summary of the tissue, with changed images, or none. */
async function changedSummary(of: string, change: object | undefined): Promise<void> {
  const read = Summary.parse(JSON.parse(await readFile(join(folder(), 'tissue', 'summary.json'), 'utf8')));
  const images = change === undefined ? [] : read.images.map((image) => ({ ...image, ...change }));
  await makeFolder(join(folder(), of));
  await writeFile(join(folder(), of, 'summary.json'), JSON.stringify({ ...read, images }));
}

describe('writeViewer', () => {
  it('writes the number of tiles it announced, and none twice', async () => {
    const [plan] = await planViewer(await slides(), { out: join(folder(), 'viewer'), isFull: false });
    // 3 x 2 tiles, then 2 x 1, then 1, of four layers.
    expect(plan?.tiles).toBe(4 * 9);
    expect(existsSync(join(folder(), 'viewer'))).toBe(false);
    const first = await write('viewer');
    const { length } = Object.keys(await digestsBelow(join(folder(), 'viewer', 'tiles', NAME), LAYERS));
    expect(first.made).toBe(length);
    expect((await write('viewer')).made).toBe(0);
  });

  it('colours each pixel of a label layer by one label, at every level', async () => {
    for (const [level, file] of [
      ['2', '0_0'],
      ['2', '1_1'],
      ['1', '0_0'],
      ['0', '0_0'],
    ] as const) {
      const { data, width } = await pixels('classes', level, `${file}.png`);
      const [column = 0] = file.split('_').map(Number);
      const step = 2 ** (2 - Number(level));
      for (let at = 0; at < data.length; at += 4) {
        const x = step * (column * 512 + ((at / 4) % width));
        const [red = 0, green = 0, blue = 0] = PALETTE[label(x)] ?? [];
        const isColour = data[at] === red && data[at + 1] === green && data[at + 2] === blue;
        if (!isColour || data[at + 3] !== (label(x) === 255 ? 0 : 255))
          throw new Error(`${level}/${file} ${at}: ${data.subarray(at, at + 4)}`);
      }
    }
    // Nothing was computed there: no tile.
    expect(existsSync(join(folder(), 'viewer', 'tiles', NAME, 'classes', '2', '2_0.png'))).toBe(false);
    expect(existsSync(join(folder(), 'viewer', 'tiles', NAME, 'confidence', '2', '2_0.png'))).toBe(false);
  });

  it('draws a cell at its position, also across the border of a tile', async () => {
    const opacity = async (file: string, x: number, y: number) => {
      const { data, width } = await pixels('cells', '2', `${file}.png`);
      return data[4 * (y * width + x) + 3];
    };
    expect(await opacity('0_0', 100 + 5, 50)).toBe(255);
    expect(await opacity('0_0', 100, 50)).toBe(0);
    expect(await opacity('1_1', 5, 0)).toBe(255);
    expect(await opacity('0_0', 511, 507)).toBe(255);
  });

  it('computes a smaller level of the slide from the larger one', async () => {
    const fine = await pixels('slide', '2', '0_0.jpg');
    const coarse = await pixels('slide', '1', '0_0.jpg');
    const mean = (values: Uint8Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(coarse).toMatchObject({ width: 512, height: 350 });
    expect(Math.abs(mean(fine.data) - mean(coarse.data))).toBeLessThan(3);
    expect(await pixels('slide', '0', '0_0.jpg')).toMatchObject({ width: 326, height: 175 });
  });

  it('writes the same files after interruptions', async () => {
    for (const stopAt of [3, 9, 20]) {
      const stop = new AbortController();
      let tiles = 0;
      const onTile = () => {
        if (++tiles === stopAt) stop.abort(new Error('stopped'));
      };
      await expect(write('stopped', { signal: stop.signal, onTile })).rejects.toThrow('stopped');
      expect(existsSync(join(folder(), 'stopped', 'index.html'))).toBe(false);
    }
    await write('stopped');
    const all = ['tiles', 'assets'];
    const of = async (name: string) => {
      const { [`tiles/${NAME}/sources.json`]: _, ...rest } = await digestsBelow(join(folder(), name), all);
      return rest;
    };
    expect(await of('stopped')).toEqual(await of('viewer'));
  });

  it('rewrites all tiles after the prediction has changed', async () => {
    const mask = join(folder(), 'tissue', slideTissueFiles(NAME).mask);
    await utimes(mask, new Date(1e12), new Date(1e12));
    expect((await write('stopped')).made).toBeGreaterThan(0);
    expect((await write('stopped')).made).toBe(0);
  });

  it('rejects folders without slides, and missing slides', async () => {
    await expect(viewedSlides([join(folder(), 'nothing')])).rejects.toMatchObject({ code: 'FILE_MISSING' });
    await expect(viewedSlides([join(folder(), 'tissue')], join(folder(), 'elsewhere'))).rejects.toMatchObject({
      code: 'FILE_MISSING',
      remedy: expect.stringContaining('--slides'),
    });
    await changedSummary('images', undefined);
    await expect(viewedSlides([join(folder(), 'images')])).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('says which folders and images it leaves out', async () => {
    await changedSummary('images', undefined);
    await changedSummary('pictures', { name: 'picture', files: { mask: 'masks/picture.png' } });
    const notes: string[] = [];
    const folders = ['images', 'pictures', 'tissue'].map((each) => join(folder(), each));
    expect(await viewedSlides(folders, undefined, (note) => notes.push(note))).toHaveLength(1);
    expect(notes).toEqual([
      `${folders[0]} contains no predicted slide.`,
      `${folders[1]}: 1 image left out; the viewer shows whole slides only.`,
    ]);
  });

  it('replaces its own page, and refuses to overwrite that of another program', async () => {
    const page = join(folder(), 'website', 'index.html');
    await makeFolder(join(folder(), 'website'));
    await writeFile(page, '<h1>Mine</h1>');
    await expect(write('website')).rejects.toMatchObject({
      code: 'PREDICTION_CONFLICT',
      message: expect.stringContaining(page),
      remedy: expect.stringContaining('--out'),
    });
    expect(await readFile(page, 'utf8')).toBe('<h1>Mine</h1>');
    expect(existsSync(join(folder(), 'website', 'tiles'))).toBe(false);
    await expect(write('stopped')).resolves.toMatchObject({ made: 0 });
  });

  it('writes no path of this machine', async () => {
    for (const file of [join('tiles', NAME, 'sources.json'), 'index.html']) {
      const text = await readFile(join(folder(), 'viewer', file), 'utf8');
      expect(text.includes(folder())).toBe(false);
    }
  });

  it.each(['../../x', '..', '.', '', 'a/b', 'a\\b'])('refuses the slide name %j', async (name) => {
    await changedSummary('named', { name });
    await expect(viewedSlides([join(folder(), 'named')])).rejects.toMatchObject({
      code: 'PATH_TRAVERSAL',
      message: expect.stringContaining(JSON.stringify(name)),
      remedy: expect.stringContaining('reignite predict'),
    });
  });

  it('rejects a slide of another size than the predicted one', async () => {
    await cp(join(folder(), 'tissue'), join(folder(), 'sized'), { recursive: true });
    await changedSummary('sized', { width: 17 });
    const out = join(folder(), 'sized', 'viewer');
    await expect(
      planViewer(await viewedSlides([join(folder(), 'sized')]), { out, isFull: false }),
    ).rejects.toMatchObject({
      code: 'PREDICTION_CONFLICT',
      message: expect.stringContaining('is for a slide of 17 x'),
      remedy: expect.stringContaining('--slides'),
    });
  });

  it('keeps files that it did not write, and continues after it was stopped at once', async () => {
    const own = join(folder(), 'own');
    const kept = [join(own, NAME), join(own, 'tiles', NAME)];
    for (const place of kept) {
      await makeFolder(place);
      await writeFile(join(place, 'notes.txt'), 'mine');
      await writeFile(join(place, 'sources.json'), '{}');
    }
    await expect(write('own')).rejects.toMatchObject({
      code: 'PREDICTION_CONFLICT',
      message: expect.stringContaining(join(own, 'tiles', NAME)),
      remedy: expect.stringContaining('--out'),
    });
    for (const place of kept) expect(await readFile(join(place, 'notes.txt'), 'utf8')).toBe('mine');
    // What a writer leaves that was stopped before the sources of the tiles were written is its own.
    const tiles = join(own, 'tiles', NAME);
    await rm(tiles, { recursive: true });
    await makeFolder(tiles);
    await writeFile(join(tiles, '.sources.json.1.0123456789ab.tmp'), '');
    expect((await write('own')).made).toBeGreaterThan(0);
    expect(await readFile(join(own, NAME, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it.skipIf(BROWSER === undefined)('works from a disk, in a browser without a network', async () => {
    const page = await BrowserPage.open(await temporaryFolder());
    try {
      await page.goTo(pathToFileURL(join(folder(), 'viewer', 'index.html')).href);
      const loaded = (layers: readonly string[]) => `new Promise((resolve) => {
        const look = () => {
          const isLoaded = (layer) => document.getElementById('show-' + layer).dataset.loaded === 'true';
          if (!${JSON.stringify(layers)}.every(isLoaded)) return setTimeout(look, 50);
          resolve([document.getElementById('length').textContent, document.getElementById('notes').textContent]);
        };
        look();
      })`;
      const [scale, notes] = z.tuple([z.string(), z.string()]).parse(await page.evaluate(loaded(LAYERS.slice(0, 2))));
      expect(scale).toMatch(/^[125]0* µm$/);
      expect(notes).toBe('<b>A note</b>');
      await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
      expect(await seriousFindings(page)).toEqual([]);
      await page.evaluate(`document.getElementById('show-confidence').click()`);
      await page.evaluate(loaded(LAYERS));
      expect(page.complaints).toEqual([]);
    } finally {
      await page.close();
      await rm(join(folder(), 'viewer'), { recursive: true });
    }
  });
});
