import { mkdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeLabels } from '../../toolkit/image/decode-labels.ts';
import { readNpy } from '../../toolkit/numpy.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { noise } from '../support/random-numbers.ts';
import { writeTiff } from '../support/write-tiff.ts';

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const folder = suiteFolder();
const place = () => ({ home: join(folder(), 'home'), cwd: folder() });
const [WIDTH, HEIGHT] = [75, 48];

beforeAll(async () => {
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
  const picture = sharp(noise(WIDTH * HEIGHT * 3, 5), { raw });
  await picture.clone().png().toFile(join(folder(), 'one.png'));
  await picture.clone().tiff({ compression: 'lzw' }).toFile(join(folder(), 'two.tif'));
  await picture.clone().jpeg({ quality: 90 }).toFile(join(folder(), 'three.jpg'));
  await picture.clone().webp().toFile(join(folder(), 'other.webp'));
});

const predictTissue = (out: string, ...words: string[]) =>
  runHere(
    ['predict', '--task', 'he', '--model', fixture('nnunet/plain'), '--out', out, '--provider', 'cpu', ...words],
    place(),
  );

async function readJson(...path: string[]) {
  return JSON.parse(await readFile(join(folder(), ...path), 'utf8'));
}

describe('reignite predict --task he', () => {
  it('writes masks, outlines and areas of PNG, TIFF and JPEG that agree with each other', async () => {
    const { status, stdout, stderr } = await predictTissue(
      'tissue',
      '--mpp',
      '0.5',
      '--min-area',
      '0',
      '--json',
      'one.png',
      'two.tif',
      'three.jpg',
    );
    expect(status, stderr).toBe(0);
    const { images, model } = JSON.parse(stdout);
    expect(model.digest).toMatch(/^[0-9a-f]{64}$/);
    const inFile = (path: string) => relative(join(folder(), 'tissue'), path);
    expect(await readJson('tissue', 'summary.json')).toEqual({
      ...JSON.parse(stdout),
      model: { ...model, path: inFile(model.path) },
      images: images.map((image: { image: string }) => ({ ...image, image: inFile(image.image) })),
    });
    const masks = await Promise.all(
      ['one', 'two', 'three'].map((name) => decodeLabels(join(folder(), 'tissue', 'masks', `${name}.png`))),
    );
    // A lossless file gives the same mask whatever its format.
    expect(masks[1]?.data).toEqual(masks[0]?.data);
    for (const [index, { name, areas, regions, width, height }] of images.entries()) {
      expect([width, height]).toEqual([WIDTH, HEIGHT]);
      const labels = masks[index]?.data ?? new Uint8Array();
      for (const { value, pixels, mm2 } of areas) {
        expect(pixels).toBe(labels.filter((label) => label === value).length);
        expect(mm2).toBeCloseTo(pixels * 0.25e-6, 12);
      }
      const { type, features, imageCoordinates } = await readJson('tissue', 'polygons', `${name}.geojson`);
      expect([type, features.length]).toEqual(['FeatureCollection', regions]);
      expect(imageCoordinates).toMatchObject({ unit: 'px', y: 'down', width: WIDTH, height: HEIGHT });
      const traced = features.reduce((sum: number, { geometry }: Traced) => sum + areaOf(geometry), 0);
      expect(traced).toBe(labels.filter((label) => label !== 0).length);
      const coloured = await sharp(join(folder(), 'tissue', 'coloured', `${name}.png`)).metadata();
      expect(coloured).toMatchObject({ isPalette: true, width: WIDTH, height: HEIGHT });
      const overlay = await sharp(join(folder(), 'tissue', 'overlays', `${name}.png`)).metadata();
      // The image is its upper left part; the legend is below.
      expect([overlay.width, overlay.height > HEIGHT]).toEqual([420, true]);
    }
  });

  it('puts its confidence into the notes, and --quiet keeps them off the screen', async () => {
    const loud = await predictTissue('loud', 'one.png');
    expect(loud.stdout).toContain('% of its pixels are unclear');
    expect(loud.stdout).toContain('Its pixel size is unknown');
    expect(loud.stdout).toContain('not look like a stained section');
    const quiet = await predictTissue('quiet', '--quiet', 'one.png');
    expect(quiet.stdout).not.toContain('unclear');
    expect(quiet.stdout).toContain('one: 75 x 48 px');
    const [image] = (await readJson('quiet', 'summary.json')).images;
    expect(image.notes.join(' ')).toContain(`${(100 * image.unclearShare).toFixed(1)} % of its pixels are unclear`);
    expect(image.medianConfidence).toBeGreaterThan(0);
  });

  it('resamples exactly the images that it accepts otherwise, with the same errors and notes', async () => {
    const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
    const float = Buffer.from(Float32Array.from(noise(WIDTH * HEIGHT * 3, 5), (value) => value / 255).buffer);
    const options = { width: WIDTH, height: HEIGHT, samples: 3, bits: 32, tags: { 339: [3, 3, 3] } };
    await writeTiff(join(folder(), 'float.tif'), { ...options, pixels: float });
    await sharp(noise(WIDTH * HEIGHT * 3, 5), { raw })
      .toColourspace('cmyk')
      .jpeg()
      .toFile(join(folder(), 'cmyk.jpg'));
    const see = sharp(noise(WIDTH * HEIGHT * 3, 5), { raw }).ensureAlpha(0.2);
    await see.png().toFile(join(folder(), 'alpha.png'));
    const images = ['one.png', 'float.tif', 'cmyk.jpg', 'alpha.png'];
    const plain = JSON.parse((await predictTissue('as-is', '--json', ...images)).stdout);
    const fine = JSON.parse((await predictTissue('brought', '--mpp', '1', '--resample', '--json', ...images)).stdout);
    expect(fine.failures).toEqual(plain.failures);
    expect(plain.failures.map(({ code }: { code: string }) => code)).toEqual(['IMAGE_UNREADABLE', 'IMAGE_UNREADABLE']);
    for (const { failures, images: predicted } of [plain, fine]) {
      expect(failures[0].cause).toContain('floating point');
      expect(failures[1].cause).toContain('cmyk');
      const [opaque, transparent] = predicted;
      expect(transparent.notes).toContain('Alpha channel dropped.');
      expect(transparent.areas).toEqual(opaque.areas);
    }
    const margins = await sharp(join(folder(), 'brought', 'confidence', 'one.png')).metadata();
    expect([margins.width, margins.height]).toEqual([WIDTH, HEIGHT]);
  });

  it('scales 16-bit samples by --max-value, and warns without it', async () => {
    const bytes = noise(WIDTH * HEIGHT * 3, 5);
    const twelve = Uint16Array.from(bytes, (value) => Math.round((value * 4095) / 255));
    const options = { width: WIDTH, height: HEIGHT, samples: 3, bits: 16, pixels: new Uint8Array(twelve.buffer) };
    await writeTiff(join(folder(), 'twelve.tif'), options);
    const scaled = JSON.parse((await predictTissue('scaled', '--max-value', '4095', '--json', 'twelve.tif')).stdout);
    const eight = JSON.parse((await predictTissue('eight', '--json', 'one.png')).stdout);
    expect(scaled.images[0].areas).toEqual(eight.images[0].areas);
    expect(scaled.images[0].notes.join(' ')).toContain('4095 is white');
    const dark = JSON.parse((await predictTissue('dark', '--json', 'twelve.tif')).stdout);
    expect(dark.images[0].notes.join(' ')).toMatch(/12 bits in 16.*--max-value 4095/);
  });

  it('uses earlier results from the cache, and leaves out small regions on request', async () => {
    const { stdout } = await predictTissue('again', '--min-area', '20', '--json', 'one.png');
    const [image] = JSON.parse(stdout).images;
    expect(image.cached).toBe(true);
    const { features } = await readJson('again', 'polygons', 'one.geojson');
    for (const { geometry } of features) expect(areaOf(geometry)).toBeGreaterThanOrEqual(20);
  });

  it('resamples an image to the pixel size of the models, says so, and answers in its original pixels', async () => {
    const { stdout, stderr } = await predictTissue('fine', '--mpp', '0.25', '--resample', '--json', 'one.png');
    expect(stderr).not.toContain('error');
    const [image] = JSON.parse(stdout).images;
    expect(image.resampledTo).toEqual({ width: 38, height: 24 });
    expect(image.notes.join(' ')).toContain('0.5 µm/px');
    expect(await decodeLabels(join(folder(), 'fine', 'masks', 'one.png'))).toMatchObject({
      width: WIDTH,
      height: HEIGHT,
    });
  });

  it('warns if the pixel size is not that of the models', async () => {
    const { stdout } = await predictTissue('coarse', '--mpp', '1', 'one.png');
    expect(stdout).toContain('--resample');
  });

  it.each([
    [['--resample', 'one.png'], 2, 'USAGE', '--mpp'],
    [['--mpp', '0', 'one.png'], 2, 'USAGE', '--mpp'],
    [['missing.png'], 1, 'FILE_MISSING', 'missing.png'],
    [['other.webp'], 1, 'IMAGE_UNREADABLE', 'webp'],
  ])('refuses %j', async (words, expected, code, named) => {
    const { status, stdout } = await predictTissue('refused', '--json', ...words);
    expect(status).toBe(expected);
    const { error } = JSON.parse(stdout);
    expect(error.code).toBe(code);
    expect(error.cause).toContain(named);
  });

  it('leaves out an image that cannot be read, and says so', async () => {
    const { status, stdout, stderr } = await predictTissue('partly', '--json', 'other.webp', 'one.png');
    expect(status).toBe(3);
    expect(stderr).toContain('error IMAGE_UNREADABLE');
    const { images, failures } = JSON.parse(stdout);
    expect([images.length, failures.length]).toEqual([1, 1]);
    expect(failures[0].image).toContain('other.webp');
  });

  it('refuses two images that would write the same files', async () => {
    await mkdir(join(folder(), 'sub'), { recursive: true });
    await sharp(join(folder(), 'one.png')).toFile(join(folder(), 'sub', 'one.tif'));
    const { status, stderr } = await predictTissue('twice', 'one.png', 'sub/one.tif');
    expect(status).toBe(2);
    expect(stderr).toContain('would write the same files');
  });
});

describe('reignite predict --task nuclei', () => {
  it('writes points as .npy, CSV and GeoJSON, and counts', async () => {
    const { status, stdout, stderr } = await runHere(
      [
        'predict',
        '--task',
        'nuclei',
        '--model',
        fixture('yolov5/v5.pt'),
        '--out',
        'cells',
        '--mpp',
        '0.5',
        '--json',
      ].concat(fixture('yolov5/image.png')),
      place(),
    );
    expect(status, stderr).toBe(0);
    const [{ cells, counts, name, width, height }] = JSON.parse(stdout).images;
    expect(cells).toBeGreaterThan(0);
    const { shape, data } = await readNpy(join(folder(), 'cells', 'points', `${name}.npy`));
    expect(shape).toEqual([cells, 3]);
    const { features } = await readJson('cells', 'points', `${name}.geojson`);
    expect(features.map(({ geometry }: Traced) => geometry.coordinates.map(Math.fround))).toEqual(
      Array.from({ length: cells }, (_, row) => [data[3 * row], data[3 * row + 1]]),
    );
    const rows = (await readFile(join(folder(), 'cells', 'points', `${name}.csv`), 'utf8')).trim().split('\n');
    expect(rows).toHaveLength(cells + 1);
    expect(counts.reduce((sum: number, { count }: { count: number }) => sum + count, 0)).toBe(cells);
    expect(counts[0].perMm2).toBeCloseTo(counts[0].count / (width * height * 0.25e-6), 6);
  });

  it('leaves out cells in the padding of a tile, in all outputs, and says how many', async () => {
    const picture = sharp(fixture('yolov5/image.png')).extract({ left: 0, top: 0, width: 100, height: 70 });
    await picture.png().toFile(join(folder(), 'crop.png'));
    const { status, stdout, stderr } = await runHere(
      ['predict', '--task', 'nuclei', '--model', fixture('yolov5/v5.pt'), '--out', 'crop', '--json', 'crop.png'],
      place(),
    );
    expect(status, stderr).toBe(0);
    const [{ cells, outside, counts, notes }] = JSON.parse(stdout).images;
    expect(outside).toBeGreaterThan(0);
    expect(notes.join(' ')).toContain(`${outside} cell`);
    const rows = (await readFile(join(folder(), 'crop', 'points', 'crop.csv'), 'utf8')).trim().split('\n').slice(1);
    const { features } = await readJson('crop', 'points', 'crop.geojson');
    const { candidates } = await readJson('crop', 'candidates', 'crop.json');
    const npy =
      cells === 0 ? [] : Array.from((await readNpy(join(folder(), 'crop', 'points', 'crop.npy'))).data, Number);
    const places = [
      ...rows.map((row) => row.split(',').map(Number)),
      ...features.map(({ geometry }: Traced) => geometry.coordinates),
      ...Array.from({ length: cells }, (_, row) => npy.slice(3 * row, 3 * row + 2)),
    ];
    expect(places).toHaveLength(3 * cells);
    for (const [x, y] of places) expect(x >= 0 && x < 100 && y >= 0 && y < 70).toBe(true);
    expect(candidates.filter(({ outcome }: { outcome: string }) => outcome === 'point')).toHaveLength(cells);
    expect(candidates.filter(({ outcome }: { outcome: string }) => outcome === 'outside')).toHaveLength(outside);
    expect(counts.reduce((sum: number, { count }: { count: number }) => sum + count, 0)).toBe(cells);
  });

  it('rejects a folder as a detector', async () => {
    const { status, stdout } = await runHere(
      ['predict', '--task', 'pdl1', '--model', fixture('nnunet/plain'), '--out', 'no', '--json', 'one.png'],
      place(),
    );
    expect(status).toBe(1);
    expect(JSON.parse(stdout).error.code).toBe('CHECKPOINT_UNSUPPORTED');
  });
});

interface Traced {
  readonly geometry: { readonly coordinates: number[][][] & number[] };
}

/** Shoelace over exterior and holes: positive when the exterior is counter-clockwise by the numbers. */
function areaOf({ coordinates }: Traced['geometry']): number {
  return coordinates.reduce((sum: number, ring: number[][]) => {
    expect(ring.length).toBeGreaterThanOrEqual(4);
    expect(ring.at(-1)).toEqual(ring[0]);
    return sum + ring.slice(1).reduce((part, [x = 0, y = 0], k) => part + cross(ring[k], x, y), 0) / 2;
  }, 0);
}

function cross([x0 = 0, y0 = 0]: number[] = [], x: number, y: number): number {
  return x0 * y - x * y0;
}
