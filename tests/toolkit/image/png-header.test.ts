import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { imageSize } from '../../../toolkit/image/open-image.ts';
import { pngSize } from '../../../toolkit/image/png-header.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

async function image(format: 'png' | 'jpeg'): Promise<string> {
  const path = join(await temporaryFolder(), `image.${format}`);
  const create = { width: 37, height: 260, channels: 3, background: '#123' } as const;
  await sharp({ create }).toFormat(format).toFile(path);
  return path;
}

describe('pngSize', () => {
  it('returns the same as the decoder', async () => {
    const path = await image('png');
    expect(pngSize(path)).toEqual({ width: 37, height: 260 });
    expect(await imageSize(path)).toEqual({ width: 37, height: 260 });
  });

  it('leaves other images to the decoder', async () => {
    const path = await image('jpeg');
    expect(pngSize(path)).toBeUndefined();
    expect(await imageSize(path)).toEqual({ width: 37, height: 260 });
  });

  it.each([
    ['another first chunk', (bytes: Buffer) => bytes.with(12, 0x6a)],
    ['too few bytes', (bytes: Buffer) => bytes.subarray(0, 32)],
  ])('does not trust a header with %s', async (_, damage) => {
    const path = await image('png');
    await writeFile(path, damage(await readFile(path)));
    expect(pngSize(path)).toBeUndefined();
    await expect(imageSize(path)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
  });

  it('does not trust a header whose width has a flipped bit', async () => {
    const path = await image('png');
    const bytes = await readFile(path);
    await writeFile(path, bytes.with(19, (bytes[19] ?? 0) ^ 1));
    expect(pngSize(path)).toBeUndefined();
  });

  it('leaves it to the decoder to report a missing file', async () => {
    const path = join(await temporaryFolder(), 'none.png');
    expect(pngSize(path)).toBeUndefined();
    await expect(imageSize(path)).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });
});
