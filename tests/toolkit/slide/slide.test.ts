import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { Slide } from '../../../toolkit/slide/read/slide.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';
import { type MadePage, writeSlide } from '../../support/write-tiff.ts';

const folder = suiteFolder();
const [WIDTH, HEIGHT, TILE] = [100, 70, 32];
const [ACROSS, DOWN] = [Math.ceil(WIDTH / TILE), Math.ceil(HEIGHT / TILE)];

/** A picture without noise, so that JPEG changes it little. */
function picture(width = WIDTH, height = HEIGHT): Uint8Array {
  return Uint8Array.from({ length: width * height * 3 }, (_, at) => {
    const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
    return [40 + x, 220 - y, 120 + (x >> 1)][at % 3] ?? 0;
  });
}

/** The tiles of a picture, uncompressed; beyond its edge 0. */
function tilesOf(rgb: Uint8Array, width: number, height: number, channels = 3): Buffer[] {
  const tiles: Buffer[] = [];
  for (let top = 0; top < height; top += TILE) {
    for (let left = 0; left < width; left += TILE) {
      const tile = Buffer.alloc(TILE * TILE * channels);
      for (let y = 0; y < Math.min(TILE, height - top); y++) {
        const from = ((top + y) * width + left) * channels;
        const count = Math.min(TILE, width - left) * channels;
        tile.set(rgb.subarray(from, from + count), y * TILE * channels);
      }
      tiles.push(tile);
    }
  }
  return tiles;
}

function region(rgb: Uint8Array, width: number, height: number, left: number, top: number, w: number, h: number) {
  return Uint8Array.from({ length: w * h * 3 }, (_, at) => {
    const [x, y] = [left + (Math.floor(at / 3) % w), top + Math.floor(at / 3 / w)];
    return x < 0 || y < 0 || x >= width || y >= height ? 255 : (rgb[3 * (y * width + x) + (at % 3)] ?? 0);
  });
}

async function opened(name: string, pages: readonly MadePage[]): Promise<Slide> {
  const path = join(folder(), name);
  await writeSlide(path, pages);
  return Slide.open(path);
}

function plain(extra: Partial<MadePage> = {}, rgb = picture()): MadePage {
  return { width: WIDTH, height: HEIGHT, tile: TILE, tiles: tilesOf(rgb, WIDTH, HEIGHT), ...extra };
}

async function whole(slide: Slide, level = 0): Promise<Uint8Array> {
  const { width = 0, height = 0 } = slide.levels[level] ?? {};
  return slide.readRegion(level, 0, 0, width, height);
}

describe('Slide', () => {
  it('reads any region with any compression as in the whole image, with white outside', async () => {
    const rgb = picture();
    const source = { raw: { width: WIDTH, height: HEIGHT, channels: 3 as const } };
    const slides = await Promise.all(
      (['none', 'lzw', 'deflate', 'packbits', 'jpeg'] as const).flatMap((compression) =>
        [true, false].map(async (tile) => {
          const path = join(folder(), `${compression}-${tile}.tif`);
          const size = { tile, tileWidth: 32, tileHeight: 48 };
          await sharp(rgb, source)
            .tiff({ compression, quality: 95, bigtiff: tile, ...size })
            .toFile(path);
          const decoded = await sharp(path).raw().toBuffer();
          return { slide: await Slide.open(path), decoded };
        }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...slides),
        fc.integer({ min: -40, max: 110 }),
        fc.integer({ min: -40, max: 80 }),
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 1, max: 90 }),
        async ({ slide, decoded }, left, top, w, h) => {
          const read = await slide.readRegion(0, left, top, w, h);
          expect(Buffer.compare(read, region(decoded, WIDTH, HEIGHT, left, top, w, h))).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
    for (const { slide } of slides) await slide.close();
  });

  it('decodes LZW of noise, where codes grow to 12 bits and start over', async () => {
    const path = join(folder(), 'noise.tif');
    const rgb = noise(200 * 200 * 3, 7);
    await sharp(rgb, { raw: { width: 200, height: 200, channels: 3 } })
      .tiff({ compression: 'lzw', predictor: 'none', tile: true, tileWidth: 208, tileHeight: 208 })
      .toFile(path);
    const slide = await Slide.open(path);
    expect(Buffer.compare(await whole(slide), rgb)).toBe(0);
    await slide.close();
  });

  it('decodes JPEG tiles tagged RGB as RGB, although they do not say so themselves', async () => {
    const rgb = picture();
    const tiles = await Promise.all(
      tilesOf(rgb, WIDTH, HEIGHT).map(async (tile) => {
        // The three channels as YCbCr of a picture whose colour space the encoder does not convert.
        const jpeg = await sharp(tile, { raw: { width: TILE, height: TILE, channels: 3 } })
          .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
          .toBuffer();
        return jpeg;
      }),
    );
    const asYCbCr = await opened('ycbcr.tif', [plain({ tiles, tags: { 259: [7], 262: [6] } })]);
    const asRgb = await opened('rgb.tif', [plain({ tiles, tags: { 259: [7], 262: [2] } })]);
    const [converted, stored] = [await whole(asYCbCr), await whole(asRgb)];
    expect(Math.abs((converted[0] ?? 0) - (rgb[0] ?? 0))).toBeLessThan(4);
    const luminance = 0.299 * (rgb[0] ?? 0) + 0.587 * (rgb[1] ?? 0) + 0.114 * (rgb[2] ?? 0);
    expect(Math.abs((stored[0] ?? 0) - luminance)).toBeLessThan(4);
    await asYCbCr.close();
    await asRgb.close();
  });

  it('returns white for absent tiles', async () => {
    const tiles: (Buffer | undefined)[] = tilesOf(picture(), WIDTH, HEIGHT);
    tiles[1] = undefined;
    const slide = await opened('sparse.tif', [plain({ tiles })]);
    const read = await slide.readRegion(0, 0, 0, 2 * TILE, TILE);
    expect(read.subarray(3 * TILE, 6 * TILE)).toEqual(new Uint8Array(3 * TILE).fill(255));
    expect(read.subarray(0, 3 * TILE)).toEqual(picture().subarray(0, 3 * TILE));
    await slide.close();
  });

  it('combines planes that are stored separately', async () => {
    const rgb = picture();
    const planes = [0, 1, 2].flatMap((channel) =>
      tilesOf(
        rgb.filter((_, at) => at % 3 === channel),
        WIDTH,
        HEIGHT,
        1,
      ),
    );
    const tiles = planes.map((tile) => deflateSync(tile));
    const slide = await opened('planar.tif', [plain({ tiles, tags: { 259: [8], 284: [2] } })]);
    expect(planes).toHaveLength(3 * ACROSS * DOWN);
    expect(Buffer.compare(await whole(slide), rgb)).toBe(0);
    await slide.close();
  });

  it('expands palettes and grey, also grey with white as 0', async () => {
    const grey = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, at) => at % 251);
    const tiles = tilesOf(grey, WIDTH, HEIGHT, 1);
    const map = Array.from({ length: 768 }, (_, at) => ((at * 7) % 256) << 8);
    const palette = await opened('palette.tif', [plain({ tiles, samples: 1, tags: { 262: [3], 320: map } })]);
    const inverted = await opened('inverted.tif', [plain({ tiles, samples: 1, tags: { 262: [0] } })]);
    const [coloured, bright] = [await whole(palette), await whole(inverted)];
    expect([...coloured.subarray(15, 18)]).toEqual([5, 261, 517].map((at) => (at * 7) % 256));
    expect([...bright.subarray(15, 18)]).toEqual([250, 250, 250]);
    await palette.close();
    await inverted.close();
  });

  it('sorts levels by size in any order, and leaves out thumbnails and labels', async () => {
    const small = picture(50, 35);
    const level: MadePage = { width: 50, height: 35, tile: TILE, tiles: tilesOf(small, 50, 35) };
    const label: MadePage = { width: 40, height: 60, tile: TILE, tiles: tilesOf(picture(40, 60), 40, 60) };
    const first = await opened('reduced-first.tif', [level, label, plain()]);
    expect(first.levels.map(({ width, height, downsample }) => [width, height, downsample])).toEqual([
      [WIDTH, HEIGHT, 1],
      [50, 35, 2],
    ]);
    expect(first.otherPictures).toBe(1);
    expect(Buffer.compare(await whole(first, 1), small)).toBe(0);
    const nested = await opened('subifd.tif', [plain({ children: [level] })]);
    expect(Buffer.compare(await whole(nested, 1), small)).toBe(0);
    await first.close();
    await nested.close();
  });

  it('names the damaged tile', async () => {
    const tiles = tilesOf(picture(), WIDTH, HEIGHT).map((tile) => deflateSync(tile));
    tiles[2] = Buffer.from('damaged');
    const slide = await opened('damaged.tif', [plain({ tiles, tags: { 259: [8] } })]);
    await expect(slide.readRegion(0, 0, 0, TILE, TILE)).resolves.toHaveLength(3 * TILE * TILE);
    await expect(whole(slide)).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringContaining('tile 2 of its level of 100 x 70 px'),
    });
    await slide.close();
  });

  it.each<readonly [string, Partial<MadePage>, RegExp]>([
    ['lerc', { tags: { 259: [34_887] } }, /compression is LERC/],
    ['float', { tags: { 339: [3, 3, 3] } }, /not unsigned integers/],
    ['bits', { tags: { 258: [12, 12, 12] } }, /12, 12, 12 bits/],
    ['bands', { samples: 7 }, /7 channels/],
    ['ndpi', { tags: { 65420: [1] } }, /Hamamatsu NDPI slide/],
    ['bif', { tags: { 700: '<iScan Magnification="40"/>' } }, /Ventana BIF slide/],
    ['short', { tiles: [Buffer.alloc(12)] }, /lists 1 of its 12 tiles/],
    ['predictor', { tags: { 317: [3] } }, /predictor 3/],
  ])('refuses %s with a remedy', async (name, extra, reason) => {
    const refusal = await opened(`${name}.tif`, [plain(extra)]).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringMatching(reason) });
    expect(Reflect.get(Object(refusal), 'remedy')).toMatch(/QuPath|bright-field/);
  });

  it('rejects channels in separate pages', async () => {
    const channel = plain({ samples: 1, tiles: tilesOf(new Uint8Array(WIDTH * HEIGHT), WIDTH, HEIGHT, 1) });
    await expect(opened('channels.tif', [channel, channel, channel])).rejects.toThrow(/3 channels, one per page/);
  });

  it.each([
    ['scan.dcm', Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]), /DICOM/],
    ['scan.czi', Buffer.from('ZISRAWFILE'), /Zeiss CZI file/],
    ['scan.mrxs', Buffer.from([0xff, 0xd8, 0xff]), /MIRAX/],
    ['scan.svs', Buffer.from('nothing of a slide'), /not a TIFF/],
    ['empty.tif', Buffer.alloc(0), /not a TIFF/],
    ['cut.svs', Buffer.from([0x49, 0x49, 42, 0, 0, 1, 0, 0]), /directory is missing or damaged/],
    ['pointer.svs', Buffer.from('version https://git-lfs.github.com/spec/v1\noid'), /Git LFS pointer/],
    ['page.svs', Buffer.from('<!DOCTYPE html><html>'), /web page/],
    ['scan.svslide', Buffer.from('SQLite format 3'), /a Sakura slide/],
    ['scan.zvi', Buffer.from([0xd0, 0xcf, 0x11, 0xe0]), /compound file/],
    ['scan.kfb', Buffer.from('KFB'), /KFB slide/],
  ])('says what %s is and how it is converted', async (name, bytes, reason) => {
    const path = join(folder(), name);
    await writeFile(path, bytes);
    await expect(Slide.open(path)).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringMatching(reason),
    });
  });
});

describe('the stated pixel size of a slide', () => {
  const ome = (size: string) =>
    `<?xml version="1.0"?><OME><Image><Pixels SizeX="100" SizeY="70" ${size}></Pixels></Image></OME>`;
  const cm = { 282: { fraction: [40_000, 1] }, 283: { fraction: [40_000, 1] }, 296: [3] } as const;

  it.each<readonly [string, NonNullable<MadePage['tags']>, number | undefined]>([
    ['aperio', { 270: 'Aperio Image Library v11\r\n100x70|AppMag = 40|MPP = 0.2510' }, 0.251],
    ['aperio-comma', { 270: 'Aperio Image Library v11|MPP = 0,5' }, 0.5],
    ['ome-um', { 270: ome('PhysicalSizeX="0.25" PhysicalSizeY="0.25"') }, 0.25],
    [
      'ome-nm',
      { 270: ome('PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="250" PhysicalSizeYUnit="nm"') },
      0.25,
    ],
    ['ome-mm', { 270: ome('PhysicalSizeX="0.0005" PhysicalSizeXUnit="mm"') }, 0.5],
    ['ome-mu', { 270: ome('PhysicalSizeX="0.5" PhysicalSizeXUnit="&#181;m"') }, 0.5],
    ['ome-pixel', { 270: ome('PhysicalSizeX="1" PhysicalSizeXUnit="pixel"') }, undefined],
    ['cm', cm, 0.25],
    ['inch', { 282: { fraction: [101_600, 1] }, 283: { fraction: [101_600, 1] }, 296: [2] }, 0.25],
    ['72-dpi', { 282: { fraction: [72, 1] }, 283: { fraction: [72, 1] }, 296: [2] }, undefined],
    ['no-unit', { ...cm, 296: [1] }, undefined],
    ['oblong', { ...cm, 283: { fraction: [20_000, 1] } }, undefined],
    ['zero', { ...cm, 282: { fraction: [0, 1] } }, undefined],
    ['none', {}, undefined],
  ])('%s', async (name, tags, mpp) => {
    const slide = await opened(`scale-${name}.tif`, [plain({ tags })]);
    if (mpp === undefined) expect(slide.scale.resolution).toBeUndefined();
    else expect(slide.scale.resolution?.mpp).toBeCloseTo(mpp, 10);
    expect(slide.scale.notes.length > 0).toBe(name === '72-dpi' || name === 'oblong');
    await slide.close();
  });
});
