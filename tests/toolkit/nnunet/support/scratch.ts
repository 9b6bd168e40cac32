import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach } from 'vitest';
import type { RoiJob } from '../../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { temporaryFolder } from '../../../support/in-temporary-folder.ts';

/** A folder of its own for every test, gone afterwards. */
export function useScratch(): { readonly path: (...names: string[]) => string } {
  let folder = '';
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  return { path: (...names) => join(folder, ...names) };
}

/** A job in a scratch folder whose outputs are named after `name`. */
export function jobIn(
  scratch: { path: (name: string) => string },
  name: string,
  image: string,
): Omit<RoiJob, 'modelDir'> {
  return {
    image,
    partialDir: scratch.path(`${name}.partial`),
    mask: scratch.path(`${name}.mask.png`),
    confidence: scratch.path(`${name}.margin.png`),
    scope: 'full',
  };
}

/** Writes an RGB PNG. */
export async function writeRgb(path: string, width: number, height: number, data: Uint8Array): Promise<string> {
  await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(path);
  return path;
}

/** The samples of a 16-bit grey PNG. */
export async function readGrey16(path: string): Promise<Uint16Array> {
  const { data } = await sharp(path)
    .toColourspace('grey16')
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true });
  return new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
}
