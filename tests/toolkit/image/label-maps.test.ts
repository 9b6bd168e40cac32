import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeByteLabels, decodeLabelMap } from '../../../toolkit/image/decode-labels.ts';
import { encodeGrey16 } from '../../../toolkit/image/encode-png.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { type TiffOptions, writeTiff } from '../../support/write-tiff.ts';

const [WIDTH, HEIGHT] = [7, 5];
const LABELS = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, at) => (at * 3) % 17);
/** All entries of the palette have one colour, so that only the index distinguishes labels. */
const PALETTE = { photometric: 3, tags: { 320: new Array(768).fill(4_369) } };

async function tiff(options: Partial<TiffOptions>): Promise<string> {
  const path = join(await temporaryFolder(), 'mask.tif');
  await writeTiff(path, { width: WIDTH, height: HEIGHT, pixels: LABELS, ...options });
  return path;
}

describe('a label map', () => {
  it.each<[string, Partial<TiffOptions>]>([
    ['a TIFF', {}],
    ['a TIFF in the other byte order', { isLittle: false }],
    ['a BigTIFF', { isBig: true }],
    ['a TIFF with a palette', PALETTE],
    ['a TIFF with a palette in the other byte order', { ...PALETTE, isLittle: false }],
    ['a BigTIFF with a palette', { ...PALETTE, isBig: true }],
  ])('has the stored values of %s', async (_, options) => {
    const map = await decodeByteLabels(await tiff(options));
    expect([map.width, map.height, map.isPalette]).toEqual([WIDTH, HEIGHT, 'tags' in options ? true : undefined]);
    expect(Uint8Array.from(map.data)).toEqual(LABELS);
  });

  it.each(['lzw', 'deflate'] as const)('has the stored values of a TIFF compressed with %s', async (compression) => {
    const path = join(await temporaryFolder(), 'mask.tif');
    const raw = { width: WIDTH, height: HEIGHT, channels: 1 } as const;
    await sharp(LABELS, { raw }).toColourspace('b-w').tiff({ compression }).toFile(path);
    expect(Uint8Array.from((await decodeLabelMap(path)).data)).toEqual(LABELS);
  });

  it('has all 16 bits of a TIFF and of a PNG, and fits in bytes if its values do', async () => {
    const folder = await temporaryFolder();
    const deep = Uint16Array.from(LABELS, (value) => 100 * value);
    const pixels = new Uint8Array(deep.buffer);
    await encodeGrey16(join(folder, 'mask.png'), { width: WIDTH, height: HEIGHT, data: deep });
    for (const path of [await tiff({ bits: 16, pixels }), join(folder, 'mask.png')]) {
      expect((await decodeLabelMap(path)).data).toEqual(deep);
      await expect(decodeByteLabels(path)).rejects.toThrow('it contains the value 1600');
    }
    const small = new Uint8Array(Uint16Array.from(LABELS).buffer);
    expect(await decodeByteLabels(await tiff({ bits: 16, pixels: small }))).toMatchObject({ data: LABELS });
  });

  it('is read from a file of 2 GiB, which is refused if it has a palette', async () => {
    const [grey, palette] = [await tiff({}), await tiff(PALETTE)];
    for (const path of [grey, palette]) await truncate(path, 2 ** 31);
    expect(Uint8Array.from((await decodeLabelMap(grey)).data)).toEqual(LABELS);
    await expect(decodeLabelMap(palette)).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringContaining('it has a palette and 2 GiB or more'),
    });
  });

  it.each<[string, Partial<TiffOptions>, RegExp]>([
    ['inverted values', { photometric: 0 }, /0 is white/],
    ['two pages', { pages: 2 }, /it has 2 pages/],
    ['floating point numbers', { bits: 32, tags: { 339: [3] }, pixels: new Uint8Array(140) }, /floating point/],
    ['colours', { samples: 3, pixels: new Uint8Array(105) }, /its colours are RGB/],
  ])('is refused with %s', async (_, options, reason) => {
    await expect(decodeLabelMap(await tiff(options))).rejects.toThrow(reason);
  });

  it('is refused if its compression changes labels, or its file is not an image', async () => {
    const folder = await temporaryFolder();
    const raw = { width: WIDTH, height: HEIGHT, channels: 1 } as const;
    await sharp(LABELS, { raw }).toColourspace('b-w').tiff({ compression: 'jpeg' }).toFile(join(folder, 'a.tif'));
    await expect(decodeLabelMap(join(folder, 'a.tif'))).rejects.toThrow(/JPEG/);
    await writeFile(join(folder, 'b.tif'), 'II*\0');
    await expect(decodeLabelMap(join(folder, 'b.tif'))).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
  });
});
