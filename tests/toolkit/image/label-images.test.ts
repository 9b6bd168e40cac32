import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeLabels } from '../../../toolkit/image/decode-labels.ts';
import {
  encodeGrey16,
  encodeGrey16FromFiles,
  encodeLabels,
  encodeLabelsFromFiles,
} from '../../../toolkit/image/encode-grey.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const folder = fileURLToPath(new URL('../../fixtures/segment/images/', import.meta.url));

/** Depth and colour type of a PNG: bytes 24 and 25 of every one. */
async function kindOfPng(path: string): Promise<readonly (number | undefined)[]> {
  const bytes = await readFile(path);
  return [bytes[24], bytes[25]];
}

describe('label masks', () => {
  const data = Uint8Array.from({ length: 7 * 5 }, (_, at) => (at * 11) % 256);

  it('come back as they were written, as plain 8-bit grey', async () => {
    const path = join(await temporaryFolder(), 'mask.png');
    await encodeLabels(path, { width: 7, height: 5, data });
    expect(await kindOfPng(path)).toEqual([8, 0]);
    expect(await decodeLabels(path)).toEqual({ width: 7, height: 5, data: Buffer.from(data) });
  });

  it('are the same bytes from memory and from files of raw labels', async () => {
    const scratch = await temporaryFolder();
    const parts = [join(scratch, 'top.raw'), join(scratch, 'bottom.raw')] as const;
    await writeFile(parts[0], data.subarray(0, 14));
    await writeFile(parts[1], data.subarray(14));
    await encodeLabels(join(scratch, 'a.png'), { width: 7, height: 5, data });
    await encodeLabelsFromFiles(join(scratch, 'b.png'), { width: 7, height: 5, parts });
    expect(await readFile(join(scratch, 'a.png'))).toEqual(await readFile(join(scratch, 'b.png')));
  });

  it.each([
    ['rgb.png', /its colours are srgb/],
    ['palette.png', /it has a palette/],
    ['grey-alpha.png', /it has an alpha channel/],
    ['one-bit.png', /it has 1 bits a pixel/],
    ['grey-16-bit.png', /its colours are grey16/],
    ['no-image.png', /cannot be read/],
  ])('are refused as %s', async (name, message) => {
    const attempt = decodeLabels(folder + name);
    await expect(attempt).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
    await expect(attempt).rejects.toThrow(message);
  });

  it('are refused when the samples are not as many as the pixels', async () => {
    const path = join(await temporaryFolder(), 'mask.png');
    await expect(encodeLabels(path, { width: 7, height: 6, data })).rejects.toThrow('Expected 7 x 6 samples');
  });
});

describe('16-bit grey', () => {
  it('keeps all 16 bits, from memory and from a file', async () => {
    const scratch = await temporaryFolder();
    const data = Uint16Array.from({ length: 6 * 4 }, (_, at) => (at * 2749) % 65536);
    await encodeGrey16(join(scratch, 'a.png'), { width: 6, height: 4, data });
    await writeFile(join(scratch, 'a.raw'), new Uint8Array(data.buffer));
    await encodeGrey16FromFiles(join(scratch, 'b.png'), { width: 6, height: 4, parts: [join(scratch, 'a.raw')] });
    expect(await kindOfPng(join(scratch, 'a.png'))).toEqual([16, 0]);
    const raw = await sharp(join(scratch, 'a.png')).toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer();
    expect(new Uint8Array(raw)).toEqual(new Uint8Array(data.buffer));
    expect(await readFile(join(scratch, 'b.png'))).toEqual(await readFile(join(scratch, 'a.png')));
  });
});
