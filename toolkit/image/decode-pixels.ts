import { AcceptedImage } from './accepted-image.ts';
import { conversionsOf } from './image-remarks.ts';
import { openImage, readRaw, unreadable } from './open-image.ts';

/** An image in memory, three bytes per pixel. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** height x width x 3 uint8, row by row. */
  readonly data: Uint8Array;
  /** What decoding dropped or converted, one phrase each: alpha, a palette, 16-bit samples, a colour profile. */
  readonly notes: readonly string[];
}

/**
 * Decodes an image to RGB with the stored values. For 8-bit PNG and JPEG, these are the values of Pillow's
 * `convert('RGB')`. In other cases Pillow differs: it applies the orientation tag of a TIFF and clips 16-bit grey at 255.
 * Here, the stored rows and columns are kept, and the high byte of 16-bit samples is used.
 *
 * @throws ReigniteError FILE_MISSING, IMAGE_UNREADABLE (also for images that `AcceptedImage` does not support).
 */
export async function decodeRgb(path: string): Promise<RgbImage> {
  const image = await AcceptedImage.open(path);
  const { width, height, data } = await image.decode();
  return { width, height, data, notes: conversionsOf(image.header) };
}

/** An image in memory, one byte per channel and pixel. */
export interface ChannelsImage {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** height x width x channels uint8, row by row. */
  readonly data: Uint8Array;
  /** As in `RgbImage`. */
  readonly notes: readonly string[];
}

/**
 * Decodes an image for a network with two or four channels: all channels of the file in stored order, alpha included.
 *
 * @throws ReigniteError FILE_MISSING; IMAGE_UNREADABLE, also for an image with another number of channels.
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
