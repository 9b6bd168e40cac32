import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sha256Of } from '../../../toolkit/files/hash-file.ts';
import { decodeRgb } from '../../../toolkit/image/decode-pixels.ts';
import { imageSize } from '../../../toolkit/image/open-image.ts';

const folder = fileURLToPath(new URL('../../fixtures/segment/images/', import.meta.url));
const EXPECTED = z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(`${folder}expected.json`, 'utf8')));

describe('decodeRgb', () => {
  it.each([
    ['rgb.png', []],
    ['rgb.tif', []],
    ['gamma.png', []],
    ['profile.png', ['colour profile ignored']],
    ['rgba.png', ['alpha channel dropped']],
    ['grey.png', ['grey expanded to RGB']],
    ['grey-alpha.png', ['alpha channel dropped', 'grey expanded to RGB']],
    ['palette.png', ['palette expanded to RGB']],
    ['one-bit.png', ['grey expanded to RGB']],
    ['rgb-16-bit.png', ['16-bit samples reduced to their high byte']],
    ['grey-16-bit.png', ['grey expanded to RGB', '16-bit samples reduced to their high byte']],
  ])('reads %s to the values that Pillow reads', async (name, notes) => {
    const image = await decodeRgb(folder + name);
    expect(image).toMatchObject({ width: 25, height: 20, notes });
    expect(sha256Of(image.data)).toBe(EXPECTED[name]);
  });

  it.each([
    ['no-image.png', 'IMAGE_UNREADABLE', /no-image\.png cannot be read: .*unsupported image format/],
    ['cut-off.png', 'IMAGE_UNREADABLE', /cut-off\.png cannot be read/],
    ['cmyk.jpg', 'IMAGE_UNREADABLE', /cmyk\.jpg cannot be read: its colours are cmyk/],
    ['gone.png', 'FILE_MISSING', /Image not found: .*gone\.png/],
  ])('refuses %s as %s', async (name, code, message) => {
    const attempt = decodeRgb(folder + name);
    await expect(attempt).rejects.toMatchObject({ code });
    await expect(attempt).rejects.toThrow(message);
  });
});

describe('imageSize', () => {
  it('reads only the header', async () => {
    expect(await imageSize(`${folder}cut-off.png`)).toEqual({ width: 25, height: 20 });
  });

  it('rejects a file that is not an image', async () => {
    await expect(imageSize(`${folder}no-image.png`)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
  });
});
