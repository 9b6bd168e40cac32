import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import { FileDigests, Sha256 } from '../../../toolkit/cache/file-digests.ts';
import { StepCache } from '../../../toolkit/cache/step-cache.ts';
import { homeFolders, makeFolder } from '../../../toolkit/files/folders.ts';
import { processTableTag } from '../../../toolkit/files/process-identity.ts';
import { overviewOnce, type SlideRequest, withSeenSlide } from '../../../toolkit/predict/slides/seen-slide.ts';
import { Slide } from '../../../toolkit/slide/read/slide.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { writeSlide } from '../../support/write-tiff.ts';

/** Above the largest process ID of Linux. */
const ENDED = 2 ** 22 + 5;
const CHOICES = { mpp: 0.5, resample: false, simplify: 0, minArea: 0 } as const;

/** A pink square on white glass. */
async function madeSlide() {
  const folder = await temporaryFolder();
  const path = join(folder, 'slide.tif');
  const square = await sharp({ create: { width: 160, height: 160, channels: 3, background: '#b06090' } })
    .png()
    .toBuffer();
  await sharp({ create: { width: 400, height: 300, channels: 3, background: '#f0f0f0' } })
    .composite([{ input: square, left: 80, top: 64 }])
    .tiff({ tile: true, tileWidth: 256, tileHeight: 256, compression: 'deflate' })
    .toFile(path);
  const home = homeFolders(join(folder, 'home'));
  const services = { home, cache: new StepCache(home.cache), digests: new FileDigests(home.digests) };
  const request: SlideRequest = { task: 'he', path, choices: CHOICES, services };
  return { folder, request };
}

describe('withSeenSlide', () => {
  it('uses the stored digest of the slide', async () => {
    const { request } = await madeSlide();
    const { digests } = request.services;
    const remembered = Sha256.parse('0123456789abcdef'.repeat(4));
    const asked = vi.spyOn(digests, 'sha256').mockResolvedValue(remembered);
    const saved = vi.spyOn(digests, 'save');
    expect(await withSeenSlide(request, async ({ sha256 }) => sha256)).toBe(remembered);
    expect(asked).toHaveBeenCalledWith(request.path, undefined);
    expect(saved).toHaveBeenCalledOnce();
  });

  it('finds overview and tissue once; strips and later predictions read no pixels for them', async () => {
    const { folder, request } = await madeSlide();
    const pictures = { mask: join(folder, 'mask.png'), picture: join(folder, 'picture.png') };
    const looked = async (asked: SlideRequest) =>
      withSeenSlide(asked, async ({ tissue, overview, key }) => ({ tissue, key, overview: await overview() }));
    const first = await looked({ ...request, pictures });
    expect(first.tissue?.share).toBeGreaterThan(0.1);
    expect(existsSync(pictures.picture)).toBe(true);
    const read = vi.spyOn(Slide.prototype, 'readRegion').mockRejectedValue(new Error('pixels were read'));
    try {
      expect(await looked(request)).toEqual(first);
      await expect(looked({ ...request, choices: { ...CHOICES, mpp: 0.25 } })).rejects.toThrow('pixels were read');
    } finally {
      read.mockRestore();
    }
  });

  it('rejects --max-value for a 16-bit slide, where it would have no effect', async () => {
    const { folder, request } = await madeSlide();
    const path = join(folder, 'words.tif');
    await writeSlide(path, [
      { width: 16, height: 16, tile: 16, tiles: [Buffer.alloc(2 * 3 * 256)], tags: { 258: [16, 16, 16] } },
    ]);
    const choices = { ...CHOICES, everywhere: true, maxValue: 4095 };
    await expect(withSeenSlide({ ...request, path, choices }, async () => undefined)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('--max-value is for images'),
    });
    await expect(withSeenSlide({ ...request, choices }, async ({ mpp }) => mpp)).resolves.toBe(0.5);
  });

  it('finds them again if the cache is damaged', async () => {
    const { request } = await madeSlide();
    const tissue = () => withSeenSlide(request, async (seen) => seen.tissue);
    const first = await tissue();
    const find = vi.spyOn(StepCache.prototype, 'pathOf').mockReturnValue(request.path);
    try {
      expect(await tissue()).toEqual(first);
    } finally {
      find.mockRestore();
    }
  });
});

describe('overviewOnce', () => {
  it('stores the overview of a slide, and leaves no temporary folder, even of a killed process', async () => {
    const folder = await temporaryFolder();
    const home = homeFolders(join(folder, 'home'));
    const path = join(folder, 's.tif');
    await sharp({ create: { width: 300, height: 200, channels: 3, background: '#b06090' } })
      .tiff({ tile: true, tileWidth: 256, tileHeight: 256, compression: 'deflate' })
      .toFile(path);
    const ofRoi = 'b'.repeat(64);
    await makeFolder(join(home.work, ofRoi));
    await makeFolder(join(home.work, `.${'a'.repeat(64)}.${ENDED}.${processTableTag()}0a1b2c.tmp`));
    const slide = await Slide.open(path);
    try {
      const of = { slide, sha256: 'c'.repeat(64), services: { home, cache: new StepCache(home.cache) } };
      const first = await overviewOnce(of);
      expect(await readdir(home.work)).toEqual([ofRoi]);
      expect(await overviewOnce(of)).toEqual(first);
    } finally {
      await slide.close();
    }
  });
});
