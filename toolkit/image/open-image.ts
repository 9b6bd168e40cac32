import { access, constants } from 'node:fs/promises';
import sharp, { type Metadata, type Sharp } from 'sharp';
import { ReigniteError } from '../errors.ts';
import { notOpened } from '../files/file-access.ts';
import { pngSize } from './png-header.ts';

// The cache of sharp would return old pixels after a file was replaced, and uses memory.
sharp.cache(false);

/** An image file whose header was read. */
export interface OpenedImage {
  readonly pipeline: Sharp;
  readonly width: number;
  readonly height: number;
  readonly header: Metadata;
}

/** Images with more pixels are refused. */
export const MAX_PIXELS = 2 ** 31;

/**
 * Opens an image so that its pixels are decoded as stored, without colour management and rotation.
 *
 * @throws ReigniteError FILE_MISSING, or IMAGE_UNREADABLE if the image library does not support the file.
 */
export async function openImage(path: string): Promise<OpenedImage> {
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    throw notOpened('Image', path, error);
  }
  try {
    const pipeline = sharp(path, { ignoreIcc: true, limitInputPixels: MAX_PIXELS });
    const header = await pipeline.metadata();
    return { pipeline, width: header.width, height: header.height, header };
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Interleaved pixels of a pipeline, as bytes. */
export interface RawPixels {
  readonly data: Buffer;
  readonly channels: number;
}

/** Decodes the whole image. */
export async function readRaw(path: string, pipeline: Sharp): Promise<RawPixels> {
  try {
    const { data, info } = await pipeline.toBuffer({ resolveWithObject: true });
    return { data, channels: info.channels };
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Creates the error IMAGE_UNREADABLE with the file and the reason. */
export function unreadable(path: string, reason: unknown): ReigniteError {
  const text = reason instanceof Error ? reason.message : String(reason);
  return new ReigniteError('IMAGE_UNREADABLE', `The image ${path} cannot be read: ${oneLine(text)}.`, {
    cause: reason,
  });
}

function oneLine(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ')
    .replace(/\.$/, '');
}

/**
 * Reads the width and height of an image in px from its header.
 *
 * @throws ReigniteError FILE_MISSING, IMAGE_UNREADABLE.
 */
export async function imageSize(path: string): Promise<{ readonly width: number; readonly height: number }> {
  const { width, height } = pngSize(path) ?? (await openImage(path));
  return { width, height };
}
