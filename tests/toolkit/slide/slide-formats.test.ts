import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputImage, networkImage } from '../../../toolkit/predict/input-image.ts';
import { isSlide } from '../../../toolkit/slide/read/slide-formats.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';
import { writeSlide } from '../../support/write-tiff.ts';

const folder = suiteFolder();
const at = (name: string) => join(folder(), name);
const CHOICES = { resample: false, simplify: 0, minArea: 0 };

beforeAll(async () => {
  const picture = sharp(noise(64 * 64 * 3, 1), { raw: { width: 64, height: 64, channels: 3 } });
  const large = sharp({ create: { width: 600, height: 400, channels: 3, background: 'pink' } });
  const scale = { xres: 4_000, yres: 4_000, resolutionUnit: 'cm' } as const;
  await picture.clone().png().toFile(at('image.png'));
  await picture
    .clone()
    .tiff({ ...scale, compression: 'lzw' })
    .toFile(at('strips.tif'));
  await picture
    .clone()
    .tiff({ ...scale, tile: true })
    .toFile(at('tiles.tif'));
  await picture.clone().tiff({ xres: 2.83, yres: 2.83 }).toFile(at('72-dpi.tif'));
  await large.clone().tiff({ tile: true, pyramid: true }).toFile(at('pyramid.tif'));
  await writeFile(at('scan.mrxs'), 'text');
  await writeFile(at('damaged.tif'), Buffer.from([0x49, 0x49, 42, 0, 200, 0, 0, 0]));
  await writeFile(at('dicom-without-ending'), Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]));
  await writeFile(at('pointer.png'), 'version https://git-lfs.github.com/spec/v1');
  await writeFile(at('scan.kfb'), 'KFB');
  const tiles = [Buffer.alloc(64 * 64 * 3)];
  await writeSlide(at('aperio.tif'), [
    { width: 64, height: 64, tile: 64, tiles, tags: { 270: 'Aperio Image Library v1' } },
  ]);
});

describe('isSlide', () => {
  it.each([
    ['image.png', false],
    ['strips.tif', false],
    ['tiles.tif', false],
    ['damaged.tif', false],
    ['missing.tif', false],
    ['pyramid.tif', true],
    ['aperio.tif', true],
    ['scan.mrxs', true],
    ['scan.kfb', true],
    ['dicom-without-ending', true],
    ['pointer.png', false],
  ])('of %s is %s', async (name, expected) => {
    expect(await isSlide(at(name))).toBe(expected);
  });
});

describe('the notes of an image', () => {
  async function notesOf(name: string, mpp?: number): Promise<string> {
    const input = await InputImage.open(at(name), undefined);
    const { notes } = await networkImage(input, { ...CHOICES, ...(mpp !== undefined && { mpp }) }, undefined);
    return notes.join('\n');
  }

  it('name the pixel size in its file if the user gave none', async () => {
    expect(await notesOf('strips.tif')).toContain(
      'says 0.25 µm/px, which was not used; use it with --mpp 0.25 --resample.',
    );
    expect(await notesOf('strips.tif', 0.5)).not.toContain('which was not used');
    expect(await notesOf('72-dpi.tif')).toBe('');
    expect(await notesOf('image.png')).toBe('');
  });
});
