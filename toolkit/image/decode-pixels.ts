import { AcceptedImage } from './accepted-image.ts';
import { conversionsOf } from './image-remarks.ts';
import { openImage, readRaw, unreadable } from './open-image.ts';

/** An image in memory, three bytes per pixel. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** height x width x 3 uint8, row by row. */
  readonly data: Uint8Array;
  /** What the file held and the pixels do not, one phrase each: alpha, a palette, 16-bit samples, a colour profile. */
  readonly notes: readonly string[];
}

/**
 * Decodes an image to RGB with the values that the file stores: those of Pillow's `convert('RGB')` for PNG and JPEG of
 * 8 bits. Pillow differs elsewhere: it turns a TIFF by its orientation tag, and clips 16-bit grey at 255; here the
 * stored rows and columns stay, and of 16-bit samples the high byte.
 *
 * @throws ReigniteError FILE_MISSING, IMAGE_UNREADABLE (also for whatever `AcceptedImage` does not take).
 */
export async function decodeRgb(path: string): Promise<RgbImage> {
  const image = await AcceptedImage.open(path);
  const { width, height, data } = await image.decode();
  return { width, height, data, notes: conversionsOf(image.header) };
}

/** An image in memory, as many bytes per pixel as it has channels. */
export interface ChannelsImage {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** height x width x channels uint8, row by row. */
  readonly data: Uint8Array;
  /** As of `RgbImage`. */
  readonly notes: readonly string[];
}

/**
 * Decodes an image for a network of two or four channels: all that the file stores, in its order, alpha included.
 *
 * @throws ReigniteError FILE_MISSING; IMAGE_UNREADABLE also for an image of another number of channels.
 */
export async function decodeChannels(path: string, channels: number): Promise<ChannelsImage> {
  const image = await AcceptedImage.open(path, channels);
  const { width, height, data } = await image.decodeChannels();
  return { width, height, channels, data, notes: conversionsOf(image.header, undefined, channels) };
}

/** A 16-bit grey image in memory. */
export interface Grey16Image {
  readonly width: number;
  readonly height: number;
  /** height x width uint16, row by row. */
  readonly data: Uint16Array;
}

/**
 * Decodes a 16-bit grey image, such as a confidence map.
 *
 * @throws ReigniteError FILE_MISSING, IMAGE_UNREADABLE.
 */
export async function decodeGrey16(path: string): Promise<Grey16Image> {
  const { pipeline, width, height, header } = await openImage(path);
  if (header.depth !== 'ushort' || header.channels !== 1) throw unreadable(path, 'it is not 16-bit grey');
  const { data } = await readRaw(path, pipeline.toColourspace('grey16').raw({ depth: 'ushort' }));
  return { width, height, data: new Uint16Array(data.buffer, data.byteOffset, width * height) };
}
