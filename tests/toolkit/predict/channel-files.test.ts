import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nameImages } from '../../../cli/predict/predict.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { decodeChannels } from '../../../toolkit/image/decode-pixels.ts';
import { createRoiSegmenter } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { InputImage } from '../../../toolkit/predict/input-image.ts';
import { taskNamed } from '../../../toolkit/tasks/task-named.ts';
import { createCellDetector } from '../../../toolkit/yolo/detect/cell-detector.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';

const V2 = fileURLToPath(new URL('../../fixtures/nnunet-v2/', import.meta.url));
const TWO = join(V2, 'images/two_0000.png');
const folder = suiteFolder();
const engines = { segmenter: createRoiSegmenter(), detector: createCellDetector() };
const inTests = (name: string) => join(folder(), 'imagesTs', name);
const channelsOf = async () => 2;

beforeAll(async () => {
  await mkdir(join(folder(), 'imagesTs'));
  const { data, width, height, channels } = await decodeChannels(TWO, 2);
  for (const [channel, name] of ['case_0000.png', 'case_0001.tif'].entries()) {
    const plane = Uint8Array.from({ length: width * height }, (_, pixel) => data[pixel * channels + channel] ?? 0);
    const image = sharp(plane, { raw: { width, height, channels: 1 } }).toColourspace('b-w');
    // The default of TIFF loses values.
    await (channel === 0 ? image.png() : image.tiff({ compression: 'lzw' })).toFile(inTests(name));
  }
});
afterAll(async () => {
  await engines.segmenter.close();
  await engines.detector.close();
});

function open(out: string) {
  return taskNamed('he').openPredictor(
    {
      task: 'he',
      model: join(V2, 'models/F_two_channels/nnUNetTrainer__nnUNetPlans__2d'),
      out: join(folder(), out),
      session: { provider: 'cpu', threads: 1 },
      choices: { resample: false, simplify: 0, minArea: 0 },
    },
    homeFolders(join(folder(), 'home')),
    engines,
  );
}

describe('an image whose channels are files', () => {
  it('gives the mask of the image that holds them all, under the name of the case', async () => {
    const images = await nameImages([join(folder(), 'imagesTs')], channelsOf);
    expect(images).toEqual([
      { name: 'case', path: inTests('case_0000.png'), channels: [inTests('case_0000.png'), inTests('case_0001.tif')] },
    ]);
    // The same as files on the command line.
    expect(await nameImages([inTests('case_0001.tif'), inTests('case_0000.png')], channelsOf)).toEqual(images);
    const predictor = await open('out');
    const [set] = images;
    if (set === undefined) throw new Error('no image');
    const ofSet = await predictor.predict(set);
    await predictor.predict({ path: TWO, name: 'whole' });
    expect(ofSet.notes).toContain('Its channels were read from case_0000.png, case_0001.tif.');
    const maskOf = (name: string) => readFile(join(folder(), 'out/masks', `${name}.png`));
    expect((await maskOf('case')).equals(await maskOf('whole'))).toBe(true);
    // Another second channel is another image.
    expect(ofSet.sha256).not.toBe(
      (
        await predictor.predict({
          ...set,
          name: 'other',
          channels: [inTests('case_0000.png'), inTests('case_0000.png')],
        })
      ).sha256,
    );
    expect((await maskOf('other')).equals(await maskOf('whole'))).toBe(false);
    await expect(
      taskNamed('he')
        .openPredictor(
          { ...orderOfSlides(), model: join(V2, 'models/F_two_channels/nnUNetTrainer__nnUNetPlans__2d') },
          homeFolders(join(folder(), 'home')),
          engines,
        )
        .then((slides) => slides.predict(set)),
    ).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('is not one of the hidden files that macOS writes next to images', async () => {
    const hidden = join(folder(), 'hidden');
    await mkdir(hidden);
    await copyFile(TWO, join(hidden, 'whole.png'));
    await copyFile(TWO, join(hidden, '._whole.png'));
    expect(await nameImages([hidden], channelsOf)).toEqual([{ name: 'whole', path: join(hidden, 'whole.png') }]);
  });

  it('is refused without one of them, or when they do not fit', async () => {
    await mkdir(join(folder(), 'part'));
    await copyFile(inTests('case_0000.png'), join(folder(), 'part/case_0000.png'));
    await expect(nameImages([join(folder(), 'part')], channelsOf)).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: expect.stringContaining(join(folder(), 'part/case_0001.png')),
      remedy: expect.stringContaining('case_0000.png to case_0001.png'),
    });
    const small = join(folder(), 'small.png');
    await sharp({ create: { width: 5, height: 5, channels: 3, background: 'red' } })
      .toColourspace('b-w')
      .toFile(small);
    const [first] = [inTests('case_0000.png')];
    await expect(InputImage.openChannels([first, small], undefined)).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
    await expect(InputImage.openChannels([first, TWO], undefined)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
  });

  it('does not change how other images and models are named', async () => {
    const other = () => Promise.resolve(undefined);
    expect(await nameImages([TWO, inTests('case_0000.png')], other)).toEqual([
      { name: 'two_0000', path: TWO },
      { name: 'case_0000', path: inTests('case_0000.png') },
    ]);
    await expect(nameImages([join(folder(), 'imagesTs')], other)).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: expect.stringContaining('is a folder'),
    });
    const unasked = () => Promise.reject(new Error('asked'));
    expect(await nameImages([TWO], unasked)).toEqual([{ name: 'two_0000', path: TWO }]);
  });
});

function orderOfSlides() {
  return {
    task: 'he',
    model: '',
    out: join(folder(), 'slides'),
    session: { provider: 'cpu', threads: 1 },
    choices: { resample: false, simplify: 0, minArea: 0, level: 0 },
  } as const;
}
