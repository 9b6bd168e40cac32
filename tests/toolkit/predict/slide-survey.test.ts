import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { StepCache } from '../../../toolkit/cache/step-cache.ts';
import { homeFolders, makeFolder } from '../../../toolkit/files/folders.ts';
import { processTableTag } from '../../../toolkit/files/process-identity.ts';
import { overviewOnce } from '../../../toolkit/predict/slides/seen-slide.ts';
import { Slide } from '../../../toolkit/slide/read/slide.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const ENDED = 2 ** 22 + 5;

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
