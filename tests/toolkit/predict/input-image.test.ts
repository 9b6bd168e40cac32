import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { decodeChannels } from '../../../toolkit/image/decode-pixels.ts';
import { InputImage } from '../../../toolkit/predict/input-image.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';
import { writeTiff } from '../../support/write-tiff.ts';

it.each([2, 4])('resizes %i channels each by itself, and keeps their values where the size stays', async (samples) => {
  const folder = await temporaryFolder();
  const [width, height] = [8, 6];
  // Where the last is 0, an image library that takes it for alpha loses the others.
  const pixels = noise(width * height * samples, 3).map((value, at) =>
    at % samples === samples - 1 && at < 60 ? 0 : value,
  );
  const path = join(folder, 'channels.tif');
  const tags = { 338: Array.from({ length: samples - 1 }, () => 0) };
  await writeTiff(path, { width, height, pixels, samples, photometric: 1, tags });
  const input = await InputImage.open(path, undefined, samples);
  const [same, larger] = [join(folder, 'same.png'), join(folder, 'larger.png')];
  await input.write({ width, height }, same);
  expect([...(await decodeChannels(same, samples)).data]).toEqual([...pixels]);
  const size = { width: 12, height: 9 };
  await input.write(size, larger);
  const { data } = await decodeChannels(larger, samples);
  for (let channel = 0; channel < samples; channel++) {
    const plane = pixels.filter((_, at) => at % samples === channel);
    const alone = sharp(plane, { raw: { width, height, channels: 1 } }).resize({
      ...size,
      fit: 'fill',
      kernel: 'lanczos3',
    });
    const expected = await alone.toColourspace('b-w').raw().toBuffer();
    expect([...data.filter((_, at) => at % samples === channel)]).toEqual([...expected]);
  }
});
