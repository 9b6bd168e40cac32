import sharp from 'sharp';
import { replaceFile } from '../../files/atomic-write.ts';
import type { DecodedImage } from '../../image/accepted-image.ts';
import { encodeLabels } from '../../image/encode-png.ts';
import type { TissueMask } from '../../slide/tissue/tissue-mask.ts';

const WHITE = 255;

/** Writes a tissue mask as a greyscale PNG, one pixel per block, white for tissue. */
export async function writeTissueMask(path: string, { width, height, data }: TissueMask): Promise<void> {
  await encodeLabels(path, { width, height, data: data.map((each) => (each === 0 ? 0 : WHITE)) });
}

/**
 * Writes an image of the slide in which everything but tissue is darkened.
 *
 * @param size - Size of the image that the mask belongs to, px.
 */
export async function drawTissueMask(
  path: string,
  { width, height, data }: DecodedImage,
  mask: TissueMask,
  size: { readonly width: number; readonly height: number },
): Promise<void> {
  const pixels = Uint8Array.from(data);
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * size.height) / height / mask.block) * mask.width;
    for (let x = 0; x < width; x++, at += 3) {
      const column = Math.floor(((x + 0.5) * size.width) / width / mask.block);
      if (mask.data[row + column] !== 0) continue;
      for (let channel = at; channel < at + 3; channel++) pixels[channel] = (pixels[channel] ?? 0) / 3;
    }
  }
  await replaceFile(path, async (temporary) => {
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png({ compressionLevel: 3 })
      .toFile(temporary);
  });
}
