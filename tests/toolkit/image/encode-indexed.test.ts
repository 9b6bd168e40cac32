import { WriteStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import { encodeIndexed } from '../../../toolkit/image/encode-png.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/noise.ts';

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

  it('reports a full disk once, without a rejection that nobody handles', async () => {
    const folder = await temporaryFolder();
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    const spy = vi.spyOn(WriteStream.prototype, '_write').mockImplementation((_chunk, _encoding, next) => next(full));
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    try {
      const data = noise(2_000 * 500, 1);
      const writing = encodeIndexed(join(folder, 'mask.png'), { width: 2_000, height: 500, data }, PALETTE);
      await expect(writing).rejects.toMatchObject({ code: 'NO_SPACE' });
      await nextTurn();
      expect(unhandled).not.toHaveBeenCalled();
      expect(await readdir(folder)).toEqual([]);
    } finally {
      process.off('unhandledRejection', unhandled);
      spy.mockRestore();
    }
  });
});
