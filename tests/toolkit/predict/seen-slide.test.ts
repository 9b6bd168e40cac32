import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import { Sha256 } from '../../../toolkit/brands.ts';
import { FileDigests } from '../../../toolkit/cache/file-digests.ts';
import { withSeenSlide } from '../../../toolkit/predict/slides/seen-slide.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

describe('withSeenSlide', () => {
  it('takes the digest of the slide from what is remembered', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'slide.tif');
    await sharp({ create: { width: 300, height: 200, channels: 3, background: '#b06090' } })
      .tiff({ tile: true, tileWidth: 256, tileHeight: 256, compression: 'deflate' })
      .toFile(path);
    const digests = new FileDigests(join(folder, 'digests.txt'));
    const remembered = Sha256.parse('0123456789abcdef'.repeat(4));
    const asked = vi.spyOn(digests, 'sha256').mockResolvedValue(remembered);
    const saved = vi.spyOn(digests, 'save');
    const request = {
      task: 'he',
      path,
      choices: { mpp: 0.5, everywhere: true, resample: false, simplify: 0, minArea: 0 },
      mask: join(folder, 'mask.png'),
      picture: join(folder, 'picture.png'),
      digests,
    } as const;
    expect(await withSeenSlide(request, async ({ sha256 }) => sha256)).toBe(remembered);
    expect(asked).toHaveBeenCalledWith(path, undefined);
    expect(saved).toHaveBeenCalledOnce();
  });
});
