import { beforeEach, describe, expect, it } from 'vitest';
import { sha256OfFile } from '../../../toolkit/files/hash-file.ts';
import { decodeRgb } from '../../../toolkit/image/decode-pixels.ts';
import { ImageAhead } from '../../../toolkit/nnunet/sliding-window/tiled-roi.ts';
import { noise } from '../../support/random-numbers.ts';
import { useScratch, writeRgb } from './support/scratch.ts';

const scratch = useScratch();
const image = (name: string, seed = 1) => writeRgb(scratch.path(name), 20, 10, noise(600, seed));

describe('ImageAhead', () => {
  let decoded: string[];
  let ahead: ImageAhead;
  beforeEach(() => {
    decoded = [];
    ahead = new ImageAhead(async (path) => {
      decoded.push(path);
      return { ...(await decodeRgb(path)), channels: 3 };
    });
  });

  it('returns the pixels that were decoded ahead, and decodes the image once', async () => {
    const path = await image('a.png');
    ahead.start(path);
    const { data } = await ahead.pixels(path, await sha256OfFile(path));
    expect(Buffer.from(data)).toEqual(Buffer.from(noise(600, 1)));
    expect(decoded).toEqual([path]);
  });

  it('decodes again if the file has changed since', async () => {
    const path = await image('a.png');
    const before = await sha256OfFile(path);
    ahead.start(path);
    await ahead.pixels(path, before);
    ahead.start(path);
    await expect.poll(() => decoded.length, { timeout: 300_000 }).toBe(2);
    await image('a.png', 2);
    const { data } = await ahead.pixels(path, await sha256OfFile(path));
    expect(Buffer.from(data)).toEqual(Buffer.from(noise(600, 2)));
    expect(decoded).toHaveLength(3);
  });

  it('decodes another image than the announced one when it is asked for', async () => {
    const [a, b] = [await image('a.png'), await image('b.png', 2)];
    ahead.start(a);
    const { data } = await ahead.pixels(b, await sha256OfFile(b));
    expect(Buffer.from(data)).toEqual(Buffer.from(noise(600, 2)));
  });

  it('leaves the error of an unreadable image to the job that segments it', async () => {
    const missing = scratch.path('missing.png');
    ahead.start(missing);
    await expect(ahead.pixels(missing, 'digest')).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });

  it('stops after three images in a row that another worker took', async () => {
    const paths = await Promise.all(['a.png', 'b.png', 'c.png', 'd.png', 'e.png'].map((name) => image(name)));
    for (const path of paths) ahead.start(path);
    // They are hashed at the same time, so their order is not defined.
    await expect.poll(() => decoded.toSorted(), { timeout: 300_000 }).toEqual(paths.slice(0, 4));
    const last = await image('f.png');
    await ahead.pixels(last, await sha256OfFile(last));
    expect(decoded.toSorted()).toEqual([...paths.slice(0, 4), last]);
  });
});
