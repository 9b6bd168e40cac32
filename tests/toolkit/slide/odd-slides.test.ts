import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { codestreamHeader, decodeJpeg2000 } from '../../../toolkit/slide/read/jpeg-2000.ts';
import { decodeZstandard } from '../../../toolkit/slide/read/lossless-codecs.ts';
import { Slide } from '../../../toolkit/slide/read/slide.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { type MadePage, writeSlide } from '../../support/write-tiff.ts';

const folder = suiteFolder();
const TILE = 32;

// Made by OpenJPEG 2.5.0 (opj_compress -F 32,32,3,8,u@... -n 2 -r 4): a ramp of 90 to 121 in each row, 120, 150.
/** 4:2:2, without a colour transform, as Aperio stores some slides. */
const SUBSAMPLED =
  '/0//UQAvAAAAAAAgAAAAIAAAAAAAAAAAAAAAIAAAACAAAAAAAAAAAAADBwEBBwIBBwIB/1IADAAAAAEAAQQEAAH/XAAHQEBISFD/' +
  'ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjD/kAAKAAAAAACkAAH/k8fTcRFQQnhHQdbCTDW7fNAAAX4n4s5t' +
  'WosoebD++X5sPzMYACLCToPdJIqbMwVtLq2l1ZConW+tpdW0uraXVtLq2l1bS6tpdWxt83zfN83zfN83zfN83zfN83zfN83zfN83' +
  'zfN83zfN83zfN83zfOAYj/9/wfGGEVBUry5vw+YcFABcrykB14AAAAAMJCXAEYBfp7+AgP/Z';
/** The same samples, all of one size. */
const PLAIN =
  '/0//UQAvAAAAAAAgAAAAIAAAAAAAAAAAAAAAIAAAACAAAAAAAAAAAAADBwEBBwEBBwEB/1IADAAAAAEAAQQEAAH/XAAHQEBISFD/' +
  'ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjD/kAAKAAAAAACnAAH/k8fTcRFQQnhHQdbCTDW7fNAAAX4n4s5t' +
  'WosoebD++X5sPzMYACLCToPdJIqbMwVtLq2l1ZConW+tpdW0uraXVtLq2l1bS6tpdWxt83zfN83zfN83zfN83zfN83zfN83zfN83' +
  'zfN83zfN83zfN83zfOAYj/9/wfGHEVBUr/TIf8PmIBQAXK/0nSMkAAAAAAGEhL/AEYBfp7+AgP/Z';
/** With a colour transform: RGB, whatever the file says. */
const TRANSFORMED =
  '/0//UQAvAAAAAAAgAAAAIAAAAAAAAAAAAAAAIAAAACAAAAAAAAAAAAADBwEBBwEBBwEB/1IADAAAAAEBAQQEAAH/XAAHQEBISFD/' +
  'ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjD/kAAKAAAAAADJAAH/k8HxvRFPijI4/GX7Fi+vZ8UgGBBUF2dz' +
  'Yf7R/Nh/tH82H8K+uBqR4NbG4fdW0Huko1py6roPdJ1vx4kxrq4TrffD5iAUAFyv3x0lpAAAAAABhIS/w+auABFQUxkKrq58525p' +
  '0AYEFPaUebD82H5sPzYgSqNW2bNBUgro1DfW0jZIwY+XVtJaWsinS6tpLS1mmP62Gw2GwxT/DBsNhsNhin+MGw2Gw2GKf4wbDYbD' +
  'YYquI/9/gIDAEYBfp7//2Q==';

// Made by imagecodecs 2026 (zstd_encode): bytes of (i % 32) x 7, 3072 of them; and a million zeros.
const ZSTANDARD = 'KLUv/WAAC00BAAQCAAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tkBAOje8NUT';
const ZEROS = 'KLUv/aAAABAAVAAAEAAAAQD7/znAAgIAEAACABAAAgAQAAIAEAACABAAAgAQAAMAEAA=';

/** A slide of one tile. */
function oneTile(tile: Buffer, tags: NonNullable<MadePage['tags']> = {}, more: Partial<MadePage> = {}): MadePage {
  return { width: TILE, height: TILE, tile: TILE, tiles: [tile], tags, ...more };
}

async function opened(name: string, ...pages: readonly MadePage[]): Promise<Slide> {
  const path = join(folder(), name);
  await writeSlide(path, pages);
  return Slide.open(path);
}

async function pixelsOf(name: string, ...pages: readonly MadePage[]): Promise<Uint8Array> {
  const slide = await opened(name, ...pages);
  try {
    return await slide.readRegion(0, 0, 0, slide.width, slide.height);
  } finally {
    await slide.close();
  }
}

/** A box of a JP2 file. */
function boxed(type: string, content: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + content.length);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, content]);
}

/** A box whose length is written in 8 bytes. */
function longBox(type: string, content: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32BE(1);
  head.write(type, 4, 'latin1');
  head.writeBigUInt64BE(BigInt(16 + content.length), 8);
  return Buffer.concat([head, content]);
}

const ramp = Buffer.from(Array.from({ length: 3 * TILE * TILE }, (_, at) => ((at % TILE) * 7) % 256));

describe('a tile compressed with', () => {
  it('Zstandard is read, with its predictor', async () => {
    expect(await pixelsOf('zstd.tif', oneTile(Buffer.from(ZSTANDARD, 'base64'), { 259: [50_000] }))).toEqual(
      Uint8Array.from(ramp),
    );
  });

  it('Zstandard does not use more memory than its pixels', async () => {
    const zeros = Buffer.from(ZEROS, 'base64');
    expect(decodeZstandard(zeros, 2 ** 20)).toHaveLength(2 ** 20);
    expect(() => decodeZstandard(zeros, 5_000)).toThrow('longer than 5000 bytes');
    const boundless = Buffer.from(zeros);
    boundless[4] = 0;
    boundless[5] = 0xff;
    expect(() => decodeZstandard(boundless, 2 ** 20)).toThrow('window');
    await expect(pixelsOf('zeros.tif', oneTile(zeros, { 259: [50_000] }))).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
    });
  });

  it('Zstandard in several frames is read, and the window of each is checked', () => {
    const zeros = Buffer.from(ZEROS, 'base64');
    const skipped = Buffer.from('502a4d18030000000000ff', 'hex');
    const frames = [skipped, zeros, skipped, Buffer.from(ZSTANDARD, 'base64')];
    expect(decodeZstandard(Buffer.concat(frames), 2 ** 21)).toHaveLength(2 ** 20 + ramp.length);
    const boundless = Buffer.from('28b52ffd00af010000', 'hex');
    for (const before of [[skipped], [zeros], [skipped, zeros]]) {
      expect(() => decodeZstandard(Buffer.concat([...before, boundless]), 2 ** 21)).toThrow('window');
    }
    // A size of content in 8 bytes, of which 4 are there.
    expect(() => decodeZstandard(Buffer.from('28b52ffde0ffffff70', 'hex'), 2 ** 21)).toThrow('end in their header');
  });

  it('WebP is read', async () => {
    const raw = { width: TILE, height: TILE, channels: 3 as const };
    const webp = await sharp(ramp, { raw }).webp({ lossless: true }).toBuffer();
    expect(await pixelsOf('webp.tif', oneTile(webp, { 259: [50_001] }))).toEqual(Uint8Array.from(ramp));
  });

  it('JPEG or WebP that states another size than its tile is rejected before it is decoded', async () => {
    const large = sharp({ create: { width: 2_000, height: 2_000, channels: 3, background: '#800000' } });
    for (const [name, compression, colours, bytes] of [
      ['large-jpeg.tif', 7, 6, await large.clone().jpeg().toBuffer()],
      ['large-webp.tif', 50_001, 2, await large.clone().webp().toBuffer()],
    ] as const) {
      await expect(pixelsOf(name, oneTile(bytes, { 259: [compression], 262: [colours] }))).rejects.toMatchObject({
        code: 'IMAGE_UNREADABLE',
        message: expect.stringMatching(/exceeds pixel limit/),
      });
    }
  });

  it('JPEG 2000 in YCbCr is converted, unless the codestream converts it itself', async () => {
    const first = async (name: string, codestream: string, compression: number) => [
      ...(await pixelsOf(name, oneTile(Buffer.from(codestream, 'base64'), { 259: [compression] }))).subarray(0, 3),
    ];
    const stored = await first('rgb.svs', PLAIN, 33_005);
    const converted = await first('ycbcr.svs', PLAIN, 33_003);
    expect(stored).toEqual([90, 120, 150].map((value) => expect.closeTo(value, -0.9)));
    // Y 90, Cb 120, Cr 150.
    expect(converted).toEqual([121, 77, 76].map((value) => expect.closeTo(value, -0.9)));
    const ofEncoder = await first('transformed.svs', TRANSFORMED, 33_003);
    expect(ofEncoder).toEqual([90, 120, 150].map((value) => expect.closeTo(value, -0.9)));
  });

  it('JPEG 2000 with subsampled colours is rejected when the slide is opened', async () => {
    const page = oneTile(Buffer.from(SUBSAMPLED, 'base64'), { 259: [33_003] });
    await expect(opened('subsampled.svs', page)).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringContaining('subsampled'),
      remedy: expect.stringContaining('--openslide'),
    });
  });

  it('JPEG 2000 of another size is rejected', async () => {
    const codestream = Buffer.from(PLAIN, 'base64');
    expect(codestreamHeader(codestream)).toEqual({
      width: 32,
      height: 32,
      components: 3,
      isSubsampled: false,
      hasColourTransform: false,
    });
    expect(codestreamHeader(codestream.subarray(0, 30))).toBeUndefined();
    codestream.writeUInt32BE(60_000, 8);
    await expect(pixelsOf('huge.svs', oneTile(codestream, { 259: [33_005] }))).rejects.toThrow('60000 x 32 px');
  });

  it('JPEG 2000 in a JP2 file is found in its own box only', async () => {
    const small = Buffer.from(PLAIN, 'base64');
    const huge = Buffer.from(small);
    huge.writeUInt32BE(60_000, 8);
    const signature = Buffer.from('0000000c6a5020200d0a870a', 'hex');
    const file = (hidden: Buffer, stored: Buffer) =>
      Buffer.concat([signature, boxed('free', hidden), longBox('uuid', hidden), boxed('jp2c', stored)]);
    expect(codestreamHeader(file(huge, small))?.width).toBe(32);
    expect(codestreamHeader(file(small, huge))?.width).toBe(60_000);
    expect(codestreamHeader(Buffer.concat([signature, boxed('free', small)]))).toBeUndefined();
    expect(codestreamHeader(Buffer.concat([signature, Buffer.alloc(64)]))).toBeUndefined();
    await expect(decodeJpeg2000(file(small, huge), { width: TILE, height: TILE }, false)).rejects.toThrow('60000 x 32');
  });

  it.each<readonly [string, (codestream: Buffer) => void, string]>([
    ['a negative width', (codestream) => codestream.writeUInt32BE(100, 16), '-68 x 32 px'],
    ['no height', (codestream) => codestream.writeUInt32BE(0, 12), '32 x 0 px'],
    ['many components', (codestream) => codestream.writeUInt16BE(50, 40), '50 components'],
    ['no components', (codestream) => codestream.writeUInt16BE(0, 40), '0 components'],
  ])('JPEG 2000 with %s is refused before it is decoded', async (_, damage, reason) => {
    const codestream = Buffer.from(PLAIN, 'base64');
    damage(codestream);
    await expect(decodeJpeg2000(codestream, { width: TILE, height: TILE }, false)).rejects.toThrow(reason);
  });
});

describe('a slide', () => {
  it('is read without the predictor if its compression has none', async () => {
    expect(await pixelsOf('predictor.tif', oneTile(ramp, { 317: [2] }))).toEqual(Uint8Array.from(ramp));
  });

  it('with tiles of 20 px is read', async () => {
    const tile = Buffer.from(Array.from({ length: 3 * 20 * 20 }, (_, at) => at % 256));
    const read = await pixelsOf('twenty.tif', { width: 20, height: 20, tile: 20, tiles: [tile] });
    expect(read).toEqual(Uint8Array.from(tile));
  });

  it.each<readonly [string, MadePage, RegExp]>([
    ['ycbcr-planes', oneTile(ramp, { 259: [7], 262: [6], 284: [2] }, { tiles: [ramp, ramp, ramp] }), /separate planes/],
    ['reversed-bits', oneTile(ramp, { 266: [2] }), /reversed order/],
    ['endless', oneTile(ramp, {}, { width: 2_000_000, height: 1 }), /no slide is that large/],
  ])('is refused with a remedy: %s', async (name, page, reason) => {
    const refusal = await opened(`${name}.tif`, page).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringMatching(reason) });
    expect(Reflect.get(Object(refusal), 'remedy')).toMatch(/QuPath/);
  });

  it('uses the pixel size of its own image, not that of the label or overview', async () => {
    const pixels = (side: number, size: string) =>
      `<Image><Pixels SizeX="${side}" SizeY="${side}" ${size}></Pixels></Image>`;
    const series = `<?xml version="1.0"?><OME>${pixels(16, 'PhysicalSizeX="10"')}${pixels(TILE, 'PhysicalSizeX="0.25"')}</OME>`;
    const macro = { width: 16, height: 16, tile: 16, tiles: [ramp.subarray(0, 768)], tags: { 270: series } };
    const slide = await opened('series.ome.tif', macro, oneTile(ramp));
    expect(slide.scale.resolution?.mpp).toBe(0.25);
    await slide.close();
    const others = `<?xml version="1.0"?><OME>${pixels(16, 'PhysicalSizeX="10"')}${pixels(17, 'PhysicalSizeX="9"')}</OME>`;
    const unknown = await opened('other-series.ome.tif', { ...macro, tags: { 270: others } }, oneTile(ramp));
    expect(unknown.scale.resolution).toBeUndefined();
    await unknown.close();
  });

  it('uses the resolution of one axis for both if the other is missing', async () => {
    const slide = await opened('one-axis.tif', oneTile(ramp, { 282: { fraction: [40_000, 1] }, 296: [3] }));
    expect(slide.scale.resolution?.mpp).toBe(0.25);
    await slide.close();
  });

  it('is read if its directories form a loop', async () => {
    const path = join(folder(), 'loop.tif');
    await writeSlide(path, [oneTile(ramp, { 330: [0] })]);
    const bytes = await readFile(path);
    const first = bytes.readUInt32LE(4);
    const count = bytes.readUInt16LE(first);
    // The next directory is this one again, and so is the one that it names as its own.
    bytes.writeUInt32LE(first, first + 2 + 12 * count);
    for (let entry = first + 2; entry < first + 2 + 12 * count; entry += 12)
      if (bytes.readUInt16LE(entry) === 330) bytes.writeUInt16LE(first, entry + 8);
    await writeFile(path, bytes);
    const slide = await Slide.open(path);
    expect(slide.levels).toHaveLength(1);
    expect(await slide.readRegion(0, 0, 0, TILE, TILE)).toEqual(Uint8Array.from(ramp));
    await slide.close();
  });

  it('reports further images of its size', async () => {
    const notes = async (...pages: readonly MadePage[]) => {
      const slide = await opened('planes.tif', ...pages);
      await slide.close();
      return slide.notes.join(' ');
    };
    expect(await notes(oneTile(ramp), oneTile(ramp), oneTile(ramp))).toContain('2 other large pictures');
    expect(await notes(oneTile(ramp))).toBe('');
  });
});
