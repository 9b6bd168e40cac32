import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeLabels } from '../../toolkit/image/decode-labels.ts';
import { readTiffPages, TAG } from '../../toolkit/slide/read/tiff-pages.ts';
import { runCommand } from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { digestsBelow } from '../support/files-below.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { noise } from '../support/random-numbers.ts';
import { labelsOfTiff } from '../support/read-labels.ts';

const MODEL = fileURLToPath(new URL('../fixtures/nnunet/plain', import.meta.url));
const folder = suiteFolder();
const place = (home = 'home') => ({ home: join(folder(), home), cwd: folder() });
const [WIDTH, HEIGHT] = [240, 176];
/** Renames of one thread before it dies: while the model is converted, in the middle of the tiles, and near their end. */
const KILLED_AT = [6, 30, 12];
const FOLDERS = ['masks', 'confidence', 'overlays', 'polygons'];
const words = (out: string) => ['predict', '--task', 'he', '--model', MODEL, '--out', out, '--provider', 'cpu'];

/** Glass with a piece of pink, grainy tissue from (48, 32) to (160, 128). */
function section(): Uint8Array {
  const grain = noise(WIDTH * HEIGHT * 3, 11);
  return grain.map((value, at) => {
    const [x, y] = [Math.floor(at / 3) % WIDTH, Math.floor(at / 3 / WIDTH)];
    const isInside = x >= 48 && x < 160 && y >= 32 && y < 128;
    return isInside ? ([200, 110, 160][at % 3] ?? 0) + (value >> 3) : 240 + (value >> 6);
  });
}

beforeAll(async () => {
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
  const picture = sharp(section(), { raw });
  await picture.clone().png().toFile(join(folder(), 'section.png'));
  const tiled = { compression: 'deflate', tile: true, tileWidth: 64, tileHeight: 64, pyramid: true } as const;
  // 20,000 px a cm are 0.5 µm/px; sharp takes px a mm.
  await picture
    .clone()
    .tiff({ ...tiled, xres: 2_000, yres: 2_000, resolutionUnit: 'cm' })
    .toFile(join(folder(), 'slide.tif'));
  await picture
    .clone()
    .tiff({ ...tiled, xres: 1, yres: 1 })
    .toFile(join(folder(), 'unknown.tif'));
  const blank = sharp({ create: { width: 900, height: 500, channels: 3, background: '#f1eff2' } });
  await blank.tiff({ ...tiled, xres: 2_000, yres: 2_000, resolutionUnit: 'cm' }).toFile(join(folder(), 'blank.tif'));
  await writeFile(join(folder(), 'scan.mrxs'), Buffer.from([0xff, 0xd8, 0xff]));
});

describe('reignite predict on a slide', () => {
  it('gives every pixel the same label as in one PNG', async () => {
    const flat = await runHere([...words('flat'), '--json', 'section.png'], place());
    const everywhere = await runHere([...words('all'), '--everywhere', '--json', 'slide.tif'], place());
    expect([flat.status, everywhere.status], everywhere.stderr).toEqual([0, 0]);
    const mask = await decodeLabels(join(folder(), 'flat', 'masks', 'section.png'));
    const labels = await labelsOfTiff(join(folder(), 'all', 'masks', 'slide.tif'));
    expect(labels).toMatchObject({ width: WIDTH, height: HEIGHT });
    expect(Buffer.compare(labels.data, mask.data)).toBe(0);
    const [image] = JSON.parse(everywhere.stdout).images;
    expect(image.areas.map(({ pixels }: { pixels: number }) => pixels)).toEqual(
      JSON.parse(flat.stdout).images[0].areas.map(({ pixels }: { pixels: number }) => pixels),
    );
    expect(image).toMatchObject({ width: WIDTH, height: HEIGHT, mpp: 0.5 });
  });

  it('computes tissue alone, says so beforehand, and keeps the mask', async () => {
    const { status, stdout, stderr } = await runHere([...words('tissue'), '--json', 'slide.tif'], place());
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/slide: \d+ of \d+ tiles to predict \(\d+ %\); expected time /);
    const labels = await labelsOfTiff(join(folder(), 'tissue', 'masks', 'slide.tif'));
    const all = await labelsOfTiff(join(folder(), 'all', 'masks', 'slide.tif'));
    const found = await sharp(join(folder(), 'tissue', 'tissue', 'slide.png'))
      .toColourspace('b-w')
      .raw()
      .toBuffer();
    let computed = 0;
    for (const [at, label] of labels.data.entries()) {
      const [x, y] = [at % WIDTH, Math.floor(at / WIDTH)];
      const isFound = found[Math.floor(y / 16) * Math.ceil(WIDTH / 16) + Math.floor(x / 16)] === 255;
      if (label !== (isFound ? all.data[at] : 255)) throw new Error(`${x}, ${y}: ${label}, tissue ${isFound}`);
      if (isFound) computed++;
    }
    // The piece of tissue, and the blocks that it shares with glass at its border.
    expect(computed).toBeGreaterThanOrEqual(112 * 96 * 0.98);
    expect(computed).toBeLessThan(144 * 128);
    const [image] = JSON.parse(stdout).images;
    const total = image.areas.reduce((sum: number, { pixels }: { pixels: number }) => sum + pixels, 0);
    expect(total).toBe(computed);
    for (const file of Object.values<string>(image.files))
      expect(existsSync(join(folder(), 'tissue', file)), file).toBe(true);
  });

  it('states the resolution and writes outlines in pixels of the slide', async () => {
    const bytes = await readFile(join(folder(), 'tissue', 'masks', 'slide.tif'));
    const pages = await readTiffPages({ read: async (offset, length) => bytes.subarray(offset, offset + length) });
    const [base] = pages?.pages ?? [];
    expect(base?.fraction(TAG.xResolution)).toBe(20_000);
    expect(base?.number(TAG.resolutionUnit, 0)).toBe(3);
    const outlines = JSON.parse(await readFile(join(folder(), 'tissue', 'polygons', 'slide.geojson'), 'utf8'));
    expect(outlines.imageCoordinates).toMatchObject({ width: WIDTH, height: HEIGHT, mpp: 0.5 });
  });

  it('gives the same bits after kills', async () => {
    const command = [...words('killed'), '--everywhere', 'slide.tif'];
    const NODE_OPTIONS = `--import=${import.meta.resolve('../support/die-at-rename.mjs')}`;
    for (const renames of KILLED_AT) {
      const environment = { NODE_OPTIONS, DIE_AT: String(renames) };
      const { status, stderr } = await runCommand(command, { ...place('home-killed'), environment });
      expect(status, stderr).toBe(null);
    }
    const { status, stderr } = await runHere(command, place('home-killed'));
    expect(status, stderr).toBe(0);
    expect(await digestsBelow(join(folder(), 'killed'), FOLDERS)).toEqual(
      await digestsBelow(join(folder(), 'all'), FOLDERS),
    );
  });

  it('asks for a scale that the file does not say, and takes --mpp or --level', async () => {
    const refused = await runHere([...words('scale'), '--json', 'unknown.tif'], place());
    expect(refused.status).toBe(1);
    expect(JSON.parse(refused.stdout).error).toMatchObject({
      code: 'SCALE_UNKNOWN',
      remedy: expect.stringContaining('--mpp'),
    });
    const fine = await runHere([...words('mpp'), '--mpp', '0.25', '--json', 'unknown.tif'], place());
    expect(JSON.parse(fine.stdout).images).toMatchObject([
      { mpp: 0.25, resampledTo: { width: WIDTH / 2, height: HEIGHT / 2 } },
    ]);
    const level = await runHere([...words('level'), '--level', '0', '--json', 'unknown.tif'], place());
    const [image] = JSON.parse(level.stdout).images;
    expect(image.notes.join('\n')).toContain('Its pixel size is unknown');
    expect(image).not.toHaveProperty('mpp');
    const missing = await runHere([...words('missing'), '--level', '9', '--json', 'unknown.tif'], place());
    expect(JSON.parse(missing.stdout).error.cause).toContain('has no level 9: it has 0 (240 x 176 px)');
  });

  it('names a converter for a format that it does not read', async () => {
    const { status, stdout } = await runHere([...words('mrxs'), '--json', 'scan.mrxs'], place());
    expect(status).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'IMAGE_UNREADABLE',
      cause: expect.stringContaining('MIRAX'),
      remedy: expect.stringContaining('vips tiffsave'),
    });
  });

  it('reports that there is no tissue, and shows the overview that it searched', async () => {
    const { status, stdout } = await runHere([...words('blank'), '--json', 'blank.tif'], place());
    expect(status).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'NO_TISSUE',
      remedy: expect.stringContaining('--everywhere'),
    });
    expect(existsSync(join(folder(), 'blank', 'tissue', 'blank.overview.png'))).toBe(true);
  });

  it('counts cells on the slide and in regions, in pixels of the slide', async () => {
    const half = [
      [0, 0],
      [120, 0],
      [120, HEIGHT],
      [0, HEIGHT],
      [0, 0],
    ];
    const whole = [
      [0, 0],
      [WIDTH, 0],
      [WIDTH, HEIGHT],
      [0, HEIGHT],
      [0, 0],
    ];
    const features = [half, whole].map((ring) => ({
      type: 'Feature',
      geometry: { type: 'Polygon', coordinates: [ring] },
      properties: { name: ring === half ? 'left' : 'all' },
    }));
    await writeFile(join(folder(), 'regions.geojson'), JSON.stringify({ type: 'FeatureCollection', features }));
    const detector = fileURLToPath(new URL('../fixtures/yolov5/v5.pt', import.meta.url));
    const options = ['--out', 'cells', '--provider', 'cpu', '--regions', 'regions.geojson', '--json'];
    const { status, stdout, stderr } = await runHere(
      ['predict', '--task', 'pdl1', '--model', detector, ...options, 'slide.tif'],
      place(),
    );
    expect(status, stderr).toBe(0);
    const [image] = JSON.parse(stdout).images;
    expect(image.cells).toBeGreaterThan(0);
    const table = (await readFile(join(folder(), 'cells', image.files.table), 'utf8')).trim().split('\n').slice(1);
    const places = table.map((line) => line.split(',').map(Number));
    expect(places).toHaveLength(image.cells);
    for (const [x = -1, y = -1] of places) expect(x >= 48 && x < 160 && y >= 32 && y < 128, `${x}, ${y}`).toBe(true);
    expect(image.ofRegions).toMatchObject([
      { name: 'left', mm2: expect.closeTo(0.00528, 9), counts: [places.filter(([x = 0]) => x < 120).length] },
      { name: 'all', mm2: expect.closeTo(0.01056, 9), counts: [image.cells] },
    ]);
    const { features: points } = JSON.parse(await readFile(join(folder(), 'cells', image.files.geojson), 'utf8'));
    expect(points).toHaveLength(image.cells);
    for (const { properties } of points) expect(Object.keys(properties.measurements)).toContain('Box width µm');
    for (const file of Object.values<string>(image.files))
      expect(existsSync(join(folder(), 'cells', file)), file).toBe(true);
  });
});
