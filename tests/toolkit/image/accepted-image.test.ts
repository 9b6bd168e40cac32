import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { AcceptedImage } from '../../../toolkit/image/accepted-image.ts';
import { conversionsOf, decodeChannels, depthRemarks, remarksOn } from '../../../toolkit/image/decode-pixels.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';
import { type TiffOptions, writeTiff } from '../../support/write-tiff.ts';

const folder = suiteFolder();
const [WIDTH, HEIGHT] = [7, 5];
const PIXELS = WIDTH * HEIGHT;
const [LITTLE, BIG] = [{ isLittle: true }, { isLittle: false }];

async function open(options: Partial<TiffOptions> & Pick<TiffOptions, 'pixels'>): Promise<AcceptedImage> {
  const path = join(folder(), 'image.tif');
  await writeTiff(path, { width: WIDTH, height: HEIGHT, ...options });
  return AcceptedImage.open(path);
}

/** RGB in 8 bits of samples that the file stores one after the other. */
function expected(samples: ArrayLike<number>, bands: number, bits: number, isInverted: boolean): number[] {
  return Array.from({ length: PIXELS * 3 }, (_, at) => {
    const band = bands < 3 ? 0 : at % 3;
    const value = samples[Math.floor(at / 3) * bands + band] ?? 0;
    const byte = bits === 16 ? value >> 8 : value;
    return isInverted ? 255 - byte : byte;
  });
}

describe('AcceptedImage of a TIFF', () => {
  it('returns the stored values of 8- and 16-bit grey and RGB, in either byte order, classic and BigTIFF', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(8, 16),
        fc.constantFrom(1, 2, 3, 4),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        fc.nat(1000),
        async (bits, samples, isLittle, isBig, whiteIsZero, seed) => {
          const isInverted = whiteIsZero && samples < 3;
          const bytes = noise((PIXELS * samples * bits) / 8, seed);
          const view = new DataView(bytes.buffer);
          const values =
            bits === 8 ? bytes : Array.from({ length: PIXELS * samples }, (_, at) => view.getUint16(2 * at, isLittle));
          const image = await open({
            pixels: bytes,
            bits,
            samples,
            isLittle,
            isBig,
            ...(isInverted && { photometric: 0 }),
            ...(samples % 2 === 0 && { tags: { 338: [2] } }),
          });
          const { data } = await image.decode();
          expect(Array.from(data)).toEqual(expected(values, samples, bits, isInverted));
          const said = conversionsOf(image.header).join('; ');
          expect(said.includes('alpha channel dropped')).toBe(samples % 2 === 0);
          expect(said.includes('grey expanded')).toBe(samples < 3);
          expect(said.includes('high byte')).toBe(bits === 16);
          expect(said.includes('inverted')).toBe(isInverted);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([
    ['float32', { bits: 32, tags: { 339: [3] } }, 'floating point', '8-bit'],
    ['float16', { bits: 16, tags: { 339: [3] } }, 'floating point', '8-bit'],
    ['int16', { bits: 16, tags: { 339: [2] } }, 'signed', '8-bit'],
    ['int8', { bits: 8, tags: { 339: [2] } }, 'signed', '8-bit'],
    ['uint32', { bits: 32 }, '32 bits', '8-bit'],
    ['complex', { bits: 64, tags: { 339: [6] } }, 'complex', '8-bit'],
    ['1 bit', { bits: 1 }, '1 bits', '-depth 8'],
    ['12 bits packed', { bits: 12 }, '12 bits', '-depth 8'],
    ['mixed depths', { samples: 3, tags: { 258: [8, 16, 8] } }, '8, 16, 8 bits', '-depth 8'],
    ['CMYK', { samples: 4, photometric: 5 }, 'cmyk', '-colorspace sRGB'],
    ['Lab', { samples: 3, photometric: 8 }, 'L*a*b*', '-colorspace sRGB'],
    ['YCbCr without JPEG', { samples: 3, photometric: 6 }, 'YCbCr', '-colorspace sRGB'],
    ['a camera mosaic', { photometric: 32803 }, 'camera', '-colorspace sRGB'],
    ['five grey bands', { samples: 5, photometric: 1 }, '5 bands', 'RGB image'],
    ['three grey bands', { samples: 3, photometric: 1 }, '3 bands', 'RGB image'],
    ['RGB and two more', { samples: 5, photometric: 2, tags: { 338: [0, 0] } }, '5 bands', 'RGB image'],
    ['premultiplied alpha', { samples: 4, tags: { 338: [1] } }, 'multiplied', '-alpha remove'],
    ['JPEG 2000', { tags: { 259: [33005] } }, 'JPEG 2000', 'magick'],
    ['Zstandard', { tags: { 259: [50000] } }, 'Zstandard', 'magick'],
    ['WebP', { tags: { 259: [50001] } }, 'WebP', 'magick'],
    ['JPEG XL', { tags: { 259: [50002] } }, 'JPEG XL', 'magick'],
    ['LERC', { tags: { 259: [34887] } }, 'LERC', 'magick'],
    ['an unknown compression', { tags: { 259: [52479] } }, 'compression 52479', 'magick'],
    ['a floating point predictor', { tags: { 317: [3] } }, 'predictor 3', 'magick'],
    [
      'separate tiles',
      { samples: 3, tags: { 284: [2], 322: [16], 323: [16] } },
      'stores each colour in separate tiles',
      'magick',
    ],
  ] as const)('refuses %s by name, with a remedy that helps', async (_, options, reason, remedy) => {
    const attempt = open({ pixels: new Uint8Array(PIXELS * 64), ...options });
    await expect(attempt).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringContaining(reason),
      remedy: expect.stringContaining(remedy),
    });
    await expect(attempt).rejects.not.toMatchObject({ remedy: expect.stringContaining('download it again') });
  });

  it('keeps the stored axes whatever the orientation, and says so', async () => {
    const pixels = noise(PIXELS * 3, 3);
    const image = await open({ pixels, samples: 3, tags: { 274: [6] } });
    expect(await image.decode()).toMatchObject({ width: WIDTH, height: HEIGHT, data: Buffer.from(pixels) });
    expect(remarksOn(image.header)).toEqual([expect.stringContaining('turned by 90° clockwise')]);
  });

  it('says which of how many pages was used', async () => {
    const { header } = await open({ pixels: noise(PIXELS, 1), pages: 3 });
    expect(remarksOn(header)).toEqual(['The first of its 3 pages was read (7 x 5); the others have 7 x 5, 7 x 5 px.']);
  });

  it('rejects a cyclic list of pages', async () => {
    const path = join(folder(), 'circle.tif');
    await writeTiff(path, { width: WIDTH, height: HEIGHT, pixels: noise(PIXELS, 1) });
    const bytes = await readFile(path);
    const first = bytes.readUInt32LE(4);
    bytes.writeUInt32LE(first, first + 2 + 12 * bytes.readUInt16LE(first));
    await writeFile(path, bytes);
    expect((await AcceptedImage.open(path)).header.pages).toHaveLength(1);
  });
});

describe('AcceptedImage of PNG and JPEG', () => {
  const picture = () => sharp(noise(PIXELS * 3, 9), { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });

  it.each(['turned.jpg', 'turned.png', 'turned.tif'])('keeps the stored axes of %s, and says so', async (name) => {
    const path = join(folder(), name);
    await picture().withMetadata({ orientation: 8 }).toFile(path);
    const image = await AcceptedImage.open(path);
    expect([image.width, image.height, image.header.orientation]).toEqual([WIDTH, HEIGHT, 8]);
    expect(remarksOn(image.header).join()).toContain('was not applied');
    expect(await image.decode()).toMatchObject({ width: WIDTH, height: HEIGHT });
  });

  it.each([
    ['a BMP', 'BM\x46\0\0\0', 'it is a BMP image', "magick '"],
    ['a JPEG 2000', '\0\0\0\x0cjP  \r\n', 'it is a JPEG 2000 image', 'magick'],
    ['an empty file', '', 'it is empty (0 bytes)', 'copy it again'],
    ['a text file', 'a,b\n1,2\n', 'it is a text file', 'Name a PNG, JPEG or TIFF image'],
    ['an unknown file', '\x01\x02\x03\x04', 'unsupported image format', 'If another program opens it'],
  ])('says of %s what it is and what to do', async (_, bytes, cause, remedy) => {
    const path = join(folder(), 'an image.dat');
    await writeFile(path, bytes, 'latin1');
    await expect(AcceptedImage.open(path)).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringContaining(cause),
      remedy: expect.stringContaining(remedy),
    });
  });

  it('rejects a CMYK JPEG and other formats by name, with a remedy', async () => {
    const cmyk = fileURLToPath(new URL('../../fixtures/segment/images/cmyk.jpg', import.meta.url));
    await expect(AcceptedImage.open(cmyk)).rejects.toMatchObject({
      message: expect.stringContaining('cmyk'),
      remedy: expect.stringContaining('-colorspace sRGB'),
    });
    await picture().webp().toFile(join(folder(), 'other.webp'));
    await expect(AcceptedImage.open(join(folder(), 'other.webp'))).rejects.toMatchObject({
      message: expect.stringContaining('webp'),
      remedy: expect.stringContaining('PNG'),
    });
  });
});

describe('16-bit samples', () => {
  it.each([BIG, LITTLE])('are scaled so that the given value is white (%j)', async ({ isLittle }) => {
    const bytes = new Uint8Array(PIXELS * 2);
    const view = new DataView(bytes.buffer);
    for (const [at, value] of [0, 2048, 4095, 4096].entries()) view.setUint16(2 * at, value, isLittle);
    const image = await open({ pixels: bytes, bits: 16, isLittle });
    const { data, deep } = await image.decode(4095);
    expect([0, 3, 6, 9].map((at) => data[at])).toEqual([0, 128, 255, 255]);
    expect(deep).toEqual({ largest: 4096, above: 1 / PIXELS });
  });

  it.each([
    [200, '8 bits in 16', '--max-value 255'],
    [4095, '12 bits in 16', '--max-value 4095'],
    [10_000, '14 bits in 16', '--max-value 16383'],
  ])('are noticed to use few bits: %i', (largest, bits, option) => {
    const [remark] = depthRemarks({ largest, above: 0 });
    expect(remark).toContain(bits);
    expect(remark).toContain(option);
  });

  it('have no note if they use their range', () => {
    expect(depthRemarks({ largest: 40_000, above: 0 })).toEqual([]);
  });
});

describe('decodeChannels', () => {
  it('gives every channel of a TIFF as it is stored, whatever its colours are called', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(8, 16),
        fc.constantFrom([2, 1, 0], [2, 1, 2], [4, 1, 0], [4, 1, 2], [4, 2, 0], [4, 2, 2]),
        fc.nat(1000),
        async (bits, [samples = 0, photometric = 0, extra = 0], seed) => {
          const pixels = noise((PIXELS * samples * bits) / 8, seed);
          const path = join(folder(), 'channels.tif');
          const tags = { 338: Array.from({ length: samples - (photometric === 2 ? 3 : 1) }, () => extra) };
          await writeTiff(path, { width: WIDTH, height: HEIGHT, pixels, samples, bits, photometric, tags });
          const stored = bits === 8 ? pixels : pixels.filter((_, at) => at % 2 === 1);
          const { data, channels } = await decodeChannels(path, samples);
          expect([channels, ...data]).toEqual([samples, ...stored]);
          const other = samples === 2 ? 4 : 2;
          await expect(decodeChannels(path, other)).rejects.toMatchObject({
            code: 'IMAGE_UNREADABLE',
            message: expect.stringContaining(`has ${samples} channels`),
            remedy: expect.stringContaining(`${other} training channels`),
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  it.each([
    ['grey and alpha', 2],
    ['RGB and alpha', 4],
  ] as const)('gives every channel of a PNG as it is stored: %s', async (_, channels) => {
    const path = join(folder(), `channels-${channels}.png`);
    const data = noise(PIXELS * channels, channels);
    const space = channels === 2 ? 'b-w' : 'srgb';
    await sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels } })
      .toColourspace(space)
      .png()
      .toFile(path);
    const decoded = await decodeChannels(path, channels);
    expect([...decoded.data]).toEqual([...data]);
    expect(decoded.notes).toEqual([]);
    await expect(decodeChannels(path, 6 - channels)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
  });

  it('shows the first channel as grey, or the first three as colours', async () => {
    const tags = { 338: [0, 0, 0] };
    const pixels = noise(PIXELS * 4, 9);
    const path = join(folder(), 'shown.tif');
    await writeTiff(path, { width: WIDTH, height: HEIGHT, pixels, samples: 4, photometric: 1, tags });
    const { data } = await (await AcceptedImage.open(path, 4)).decode();
    expect([...data]).toEqual([...pixels.filter((_, at) => at % 4 < 3)]);
    await writeTiff(path, {
      width: WIDTH,
      height: HEIGHT,
      pixels: pixels.subarray(0, PIXELS * 2),
      samples: 2,
      tags: { 338: [0] },
    });
    const grey = await (await AcceptedImage.open(path, 2)).decode();
    expect([...grey.data.filter((_, at) => at % 3 === 1)]).toEqual([
      ...pixels.subarray(0, PIXELS * 2).filter((_, at) => at % 2 === 0),
    ]);
  });
});
