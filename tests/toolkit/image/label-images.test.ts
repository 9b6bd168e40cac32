import { WriteStream } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import { decodeLabels } from '../../../toolkit/image/decode-labels.ts';
import {
  encodeGrey16,
  encodeGrey16FromFiles,
  encodeIndexed,
  encodeLabels,
  encodeLabelsFromFiles,
} from '../../../toolkit/image/encode-png.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';

const folder = fileURLToPath(new URL('../../fixtures/segment/images/', import.meta.url));

/** Depth and colour type of a PNG: bytes 24 and 25 of every one. */
async function kindOfPng(path: string): Promise<readonly (number | undefined)[]> {
  const bytes = await readFile(path);
  return [bytes[24], bytes[25]];
}

const grey = () => sharp(new Uint8Array(12), { raw: { width: 4, height: 3, channels: 1 } }).toColourspace('b-w');

/** A palette PNG with samples of `bits` bits, whose rows are not filtered. */
function palettePng(mask: {
  width: number;
  height: number;
  bits: number;
  labels: Uint8Array;
  colours: number;
}): Buffer {
  const { width, height, bits, labels, colours } = mask;
  const rowBytes = 1 + Math.ceil((width * bits) / 8);
  const rows = Buffer.alloc(height * rowBytes);
  for (const [at, label] of labels.entries()) {
    const [x, y] = [at % width, Math.floor(at / width)];
    const byte = y * rowBytes + 1 + Math.floor((x * bits) / 8);
    rows[byte] = (rows[byte] ?? 0) | (label << (8 - bits - ((x * bits) % 8)));
  }
  const chunk = (type: string, content: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
    const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(content.length);
    crc.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, crc]);
  };
  const head = Buffer.from([0, 0, 0, width, 0, 0, 0, height, bits, 3, 0, 0, 0]);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', head),
    chunk('PLTE', Buffer.alloc(3 * colours, 90)),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('label masks', () => {
  const data = Uint8Array.from({ length: 7 * 5 }, (_, at) => (at * 11) % 256);

  it('are read as they were written, as plain 8-bit grey', async () => {
    const path = join(await temporaryFolder(), 'mask.png');
    await encodeLabels(path, { width: 7, height: 5, data });
    expect(await kindOfPng(path)).toEqual([8, 0]);
    expect(await decodeLabels(path)).toEqual({ width: 7, height: 5, data: Buffer.from(data) });
  });

  it('have the same bytes from memory and from files of raw labels', async () => {
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
    ['grey-alpha.png', /it has an alpha channel/],
    ['one-bit.png', /it has 1 bit per pixel/],
    ['grey-16-bit.png', /its colours are grey16/],
    ['no-image.png', /cannot be read/],
  ])('are refused as %s', async (name, message) => {
    const attempt = decodeLabels(folder + name);
    await expect(attempt).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
    await expect(attempt).rejects.toThrow(message);
  });

  it.each([1, 2, 4, 8] as const)('are the indices of a palette of %i bits, not its colours', async (bits) => {
    const path = join(await temporaryFolder(), 'mask.png');
    const [width, height, colours] = [13, 6, 2 ** bits];
    const labels = Uint8Array.from({ length: width * height }, (_, at) => (at * 7) % Math.min(colours, 17));
    // All entries have one colour, so that only the index distinguishes labels.
    await writeFile(path, palettePng({ width, height, bits, labels, colours }));
    expect(await decodeLabels(path)).toEqual({ width, height, data: Buffer.from(labels), isPalette: true });
  });

  it.each([
    ['zero bytes', async (path: string) => writeFile(path, ''), /it is empty \(0 bytes\)/],
    ['a folder', async (path: string) => mkdir(path), /it is a folder/],
    ['a JPEG', async (path: string) => void (await grey().jpeg().toFile(path)), /it is not a PNG but a JPEG file/],
    ['a TIFF', async (path: string) => void (await grey().tiff().toFile(path)), /it is not a PNG but a TIFF file/],
    [
      '16-bit colour',
      async (path: string) => void (await grey().toColourspace('rgb16').png().toFile(path)),
      /its samples have 16 bits/,
    ],
  ])('are refused as %s, by name', async (_, write, message) => {
    const path = join(await temporaryFolder(), 'mask.png');
    await write(path);
    const attempt = decodeLabels(path);
    await expect(attempt).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
    await expect(attempt).rejects.toThrow(message);
  });

  it('are rejected if the number of samples and pixels differ', async () => {
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

const PALETTE = [
  [10, 20, 30],
  [200, 0, 7],
  [0, 255, 128],
] as const;

describe('encodeIndexed', () => {
  it('shows the colours of its labels, also for more rows than are written at once', async () => {
    const path = join(await temporaryFolder(), 'mask.png');
    const [width, height] = [7, 130];
    const data = Uint8Array.from({ length: width * height }, (_, at) => (at * 5) % 3);
    await encodeIndexed(path, { width, height, data }, PALETTE);
    const { data: rgb, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([width, height, 3]);
    expect(Uint8Array.from(rgb)).toEqual(Uint8Array.from(Array.from(data).flatMap((label) => PALETTE[label] ?? [])));
  });

  it('keeps the palette in the order of the labels', async () => {
    const path = join(await temporaryFolder(), 'mask.png');
    await encodeIndexed(path, { width: 1, height: 1, data: Uint8Array.of(2) }, PALETTE);
    const bytes = await readFile(path);
    const at = bytes.indexOf('PLTE') + 4;
    expect(Array.from(bytes.subarray(at, at + 9))).toEqual(PALETTE.flat());
    expect((await sharp(path).metadata()).isPalette).toBe(true);
  });

  it('writes pixels in chunks of equal length, whatever the speed of the disk', async () => {
    const path = join(await temporaryFolder(), 'mask.png');
    await encodeIndexed(path, { width: 2_000, height: 500, data: noise(2_000 * 500, 1) }, PALETTE);
    const bytes = await readFile(path);
    const lengths: number[] = [];
    for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at)) {
      if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') lengths.push(bytes.readUInt32BE(at));
    }
    expect(lengths.length).toBeGreaterThan(20);
    expect(new Set(lengths.slice(0, -1))).toEqual(new Set([16_384]));
  });

  it('reports a full disk, and leaves no rejection unhandled', async () => {
    const out = await temporaryFolder();
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    const spy = vi.spyOn(WriteStream.prototype, '_write').mockImplementation((_chunk, _encoding, next) => next(full));
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    try {
      const data = noise(2_000 * 500, 1);
      const writing = encodeIndexed(join(out, 'mask.png'), { width: 2_000, height: 500, data }, PALETTE);
      await expect(writing).rejects.toMatchObject({ code: 'NO_SPACE' });
      await nextTurn();
      expect(unhandled).not.toHaveBeenCalled();
      expect(await readdir(out)).toEqual([]);
    } finally {
      process.off('unhandledRejection', unhandled);
      spy.mockRestore();
    }
  });
});
