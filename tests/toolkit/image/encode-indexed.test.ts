import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodeIndexed } from '../../../toolkit/image/encode-png.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

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
});
