import sharp from 'sharp';
import { openForReading } from '../files/file-access.ts';
import { decodeLabels, expectContent, type LabelImage, notLabels, readPaletteFile } from './decode-labels.ts';
import { type ImageHeader, RGB } from './image-header.ts';
import { readTiffHeader } from './jpeg-tiff-header.ts';
import { MAX_PIXELS, type OpenedImage, openImage, readRaw, unreadable } from './open-image.ts';
import { bytesIn, setTiffValue } from './tiff-directory.ts';

/** A label map in memory. */
export interface LabelMap extends Omit<LabelImage, 'data'> {
  /** height x width label values, row by row; uint16 if the file has 16 bits per sample. */
  readonly data: Uint8Array | Uint16Array;
}

const MAX_BYTE = 255;

/**
 * Decodes a label map that a user gives: 8- or 16-bit grey, or a palette, whose indices are the labels; PNG, or TIFF
 * without lossy compression.
 *
 * @throws ReigniteError FILE_MISSING; IMAGE_UNREADABLE with the reason.
 * @example const { data } = await decodeLabelMap('labels.tif');
 */
export async function decodeLabelMap(path: string): Promise<LabelMap> {
  await expectContent(path);
  const opened = await openImage(path);
  const { header } = opened;
  if (header.format === 'tiff') return decodeTiff(path, opened);
  const isDeep = header.format === 'png' && header.space === 'grey16' && !header.hasAlpha;
  return isDeep ? decodeDeep(path, opened) : decodeLabels(path);
}

/**
 * Decodes a label map whose values fit in a byte, see {@link decodeLabelMap}.
 *
 * @throws ReigniteError IMAGE_UNREADABLE also for a value above 255.
 */
export async function decodeByteLabels(path: string): Promise<LabelImage> {
  const { data, ...map } = await decodeLabelMap(path);
  if (data instanceof Uint8Array) return { ...map, data };
  const largest = data.reduce((most, value) => Math.max(most, value), 0);
  if (largest > MAX_BYTE) throw notLabels(path, `it contains the value ${largest}, and labels are 0 to ${MAX_BYTE}`);
  return { ...map, data: Uint8Array.from(data) };
}

async function decodeTiff(path: string, opened: OpenedImage): Promise<LabelMap> {
  const read = await openForReading(path, (file) => readTiffHeader(bytesIn(file))).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (read === undefined) throw notLabels(path, 'its header is damaged');
  if ('obstacle' in read) throw notLabels(path, read.obstacle.reason);
  const obstacle = obstacleTo(read.header);
  if (obstacle !== undefined) throw notLabels(path, obstacle);
  const { colours, bits } = read.header;
  const isPalette = colours === 'palette';
  if (bits === 16) return decodeDeep(path, opened);
  const pipeline = isPalette ? await withoutPalette(path) : opened.pipeline;
  const { width, height } = read.header;
  const { data } = await readRaw(path, pipeline.toColourspace('b-w').raw({ depth: 'uchar' }));
  return { width, height, data, ...(isPalette && { isPalette }) };
}

const PHOTOMETRIC = 262;
const BLACK_IS_ZERO = 1;

/** Opens a palette TIFF as grey: image libraries return the colours of a palette; without it, they return its indices. */
async function withoutPalette(path: string) {
  const grey = setTiffValue(await readPaletteFile(path), PHOTOMETRIC, BLACK_IS_ZERO);
  return sharp(grey, { ignoreIcc: true, limitInputPixels: MAX_PIXELS });
}

function obstacleTo({ colours, channels, isInverted, isLossy, pages }: ImageHeader): string | undefined {
  if (isLossy === true) return 'it is compressed with JPEG, which changes labels';
  if (colours === 'RGB') return 'its colours are RGB, not label values';
  if (colours === 'grey' && channels !== 1) return `it has ${channels} channels`;
  if (colours === 'palette' && channels !== RGB) return `it has a palette and ${channels} channels`;
  if (isInverted) return 'its values are inverted: 0 is white';
  const images = pages.filter(({ isLevel }) => !isLevel).length;
  return images === 1 ? undefined : `it has ${images} pages, not one image`;
}

async function decodeDeep(path: string, { pipeline, width, height }: OpenedImage): Promise<LabelMap> {
  const { data } = await readRaw(path, pipeline.toColourspace('grey16').raw({ depth: 'ushort' }));
  return { width, height, data: new Uint16Array(Uint8Array.from(data).buffer) };
}
