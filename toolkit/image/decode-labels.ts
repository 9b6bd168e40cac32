import { readFile, stat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import sharp, { type Metadata } from 'sharp';
import { ReigniteError } from '../errors.ts';
import { openForReading, statIfThere } from '../files/file-access.ts';
import { firstOf } from '../format.ts';
import type { RoiMasks } from '../metrics/he-metrics.ts';
import { type ImageHeader, RGB } from './image-header.ts';
import { readTiffHeader } from './jpeg-tiff-header.ts';
import { MAX_PIXELS, type OpenedImage, openImage, readRaw, unreadable } from './open-image.ts';
import { bytesIn, setTiffValue } from './tiff-directory.ts';

/** A label mask in memory, one byte per pixel. */
export interface LabelImage {
  readonly width: number;
  readonly height: number;
  /** height x width uint8 label values, row by row. */
  readonly data: Uint8Array;
  /** Set if the values are palette indices. */
  readonly isPalette?: true;
}

/**
 * Decodes a label mask: the stored values, or the indices of a palette image.
 *
 * Accepts 8-bit grey and palette PNG files. Other formats, colours, alpha and other bit depths are refused, because their
 * values may not be labels.
 *
 * @throws ReigniteError FILE_MISSING; IMAGE_UNREADABLE with the reason.
 * @example const { width, height, data } = await decodeLabels('mask.png');
 */
export async function decodeLabels(path: string): Promise<LabelImage> {
  await expectContent(path);
  const { pipeline, width, height, header } = await openImage(path);
  const obstacle = obstacleTo(header);
  if (obstacle !== undefined) throw notLabels(path, obstacle);
  if (header.isPalette === true) return { width, height, data: await paletteIndices(path), isPalette: true };
  const { data } = await readRaw(path, pipeline.toColourspace('b-w').raw({ depth: 'uchar' }));
  return { width, height, data };
}

async function paletteIndices(path: string): Promise<Uint8Array> {
  const { grey, stretch } = paletteAsGrey(await readPaletteFile(path));
  const pipeline = sharp(grey, { ignoreIcc: true, limitInputPixels: false });
  const { data } = await readRaw(path, pipeline.toColourspace('b-w').raw({ depth: 'uchar' }));
  return stretch === 1 ? data : data.map((value) => Math.round(value / stretch));
}

const SIGNATURE_BYTES = 8;
/** Bytes before the content of a chunk (length and type), and after it (CRC-32). */
const BEFORE = 8;
const AFTER = 4;
/** Offsets in the file: type of the header chunk, two bytes of its content, and its CRC-32. */
const HEADER_TYPE_AT = 12;
const DEPTH_AT = 24;
const COLOUR_TYPE_AT = 25;
const HEADER_CRC_AT = 29;
const GREY = 0;

/**
 * Converts a palette PNG to a greyscale one whose samples are the palette indices. Image libraries return only the colours,
 * and two indices may have the same colour.
 *
 * @param png - The whole file, with a palette (colour type 3).
 * @returns A PNG of the same depth. When samples of fewer than 8 bits are decoded, they are multiplied by `stretch`.
 * @see PNG (Third Edition), section 5
 */
function paletteAsGrey(png: Buffer): { readonly grey: Buffer; readonly stretch: number } {
  const parts: Buffer[] = [png.subarray(0, SIGNATURE_BYTES)];
  for (let at = SIGNATURE_BYTES; at + BEFORE + AFTER <= png.length; ) {
    const end = at + BEFORE + png.readUInt32BE(at) + AFTER;
    const type = png.toString('latin1', at + 4, at + BEFORE);
    if (type === 'IHDR' || type === 'IDAT' || type === 'IEND') parts.push(png.subarray(at, end));
    at = end;
  }
  const grey = Buffer.concat(parts);
  grey[COLOUR_TYPE_AT] = GREY;
  grey.writeUInt32BE(crc32(grey.subarray(HEADER_TYPE_AT, HEADER_CRC_AT)), HEADER_CRC_AT);
  const depth = grey[DEPTH_AT] ?? 8;
  return { grey, stretch: 255 / (2 ** depth - 1) };
}

/** Node reads no larger file at once. */
const MAX_READ = 2 ** 31 - 1;

/**
 * Reads a whole image with a palette, so that the palette can be replaced.
 *
 * @throws ReigniteError IMAGE_UNREADABLE for a file of 2 GiB or more.
 */
async function readPaletteFile(path: string): Promise<Buffer> {
  const { size } = await stat(path);
  if (size > MAX_READ) throw notLabels(path, 'it has a palette and 2 GiB or more');
  return readFile(path);
}

/** Refuses folders and empty files, which the image library would report as an unsupported format. */
async function expectContent(path: string): Promise<void> {
  const found = await statIfThere(path);
  if (found?.isDirectory()) throw notLabels(path, 'it is a folder');
  if (found?.size === 0) throw notLabels(path, 'it is empty (0 bytes)');
}

/** Creates the error IMAGE_UNREADABLE for a label mask, with the reason. */
function notLabels(path: string, obstacle: string): ReigniteError {
  return new ReigniteError('IMAGE_UNREADABLE', `The label mask ${path} cannot be read: ${obstacle}.`, {
    remedy:
      'Save the mask as an 8-bit grey PNG whose pixel values are the labels; `evaluate` also reads TIFF and 16 bits.',
  });
}

function obstacleTo(header: Metadata): string | undefined {
  const { format, space, bitsPerSample } = header;
  if (format !== 'png') return `it is not a PNG but a ${format.toUpperCase()} file${lossOf(format)}`;
  if (header.isPalette === true) return undefined;
  if (space === 'grey16' || space === 'rgb16') return `its colours are ${space}: its samples have 16 bits instead of 8`;
  if (space !== 'b-w') return `its colours are ${space}, not label values`;
  if (header.hasAlpha) return 'it has an alpha channel';
  if (header.depth !== 'uchar') return `its samples are ${header.depth}`;
  // Samples with fewer bits would be decoded stretched to 0..255.
  if (bitsPerSample !== undefined && bitsPerSample !== 8) {
    return `it has ${bitsPerSample} ${bitsPerSample === 1 ? 'bit' : 'bits'} per pixel instead of 8`;
  }
  return undefined;
}

function lossOf(format: string): string {
  return format === 'jpeg' ? ', whose compression changes labels' : '';
}

const MAX_NAMED = 5;

/**
 * Reports masks whose palette indices are used as labels.
 *
 * @param masks - Names of the palette masks.
 * @returns One sentence; none without such masks.
 */
export function paletteRemark(masks: readonly string[]): readonly string[] {
  if (masks.length === 0) return [];
  const are = masks.length === 1 ? '1 mask is a palette image' : `${masks.length} masks are palette images`;
  return [`${are}: pixel indices are used as labels, colours are ignored. ${firstOf(masks, MAX_NAMED)}.`];
}

/**
 * Reads the annotation and the prediction of an ROI.
 *
 * @throws ReigniteError SIZE_MISMATCH naming both files when they differ in width or height, even if the number of
 *   pixels is equal; FILE_MISSING, IMAGE_UNREADABLE.
 */
export async function readMaskPair(roi: string, truthPath: string, predictionPath: string): Promise<RoiMasks> {
  const truth = await decodeLabels(truthPath);
  const prediction = await decodeLabels(predictionPath);
  return pairOf(roi, { path: truthPath, mask: truth }, { path: predictionPath, mask: prediction });
}

interface ReadMask {
  /** How errors name the mask. */
  readonly path: string;
  readonly mask: LabelImage;
}

/**
 * Pairs the annotation and the prediction of an ROI.
 *
 * @throws ReigniteError SIZE_MISMATCH as {@link readMaskPair}.
 */
export function pairOf(roi: string, truth: ReadMask, prediction: ReadMask): RoiMasks {
  const { width, height } = truth.mask;
  if (prediction.mask.width !== width || prediction.mask.height !== height) {
    throw new ReigniteError(
      'SIZE_MISMATCH',
      `ROI ${roi}: the annotation ${truth.path} has ${width} x ${height} px, ` +
        `the prediction ${prediction.path} ${prediction.mask.width} x ${prediction.mask.height} px.`,
    );
  }
  return { roi, width, height, truth: truth.mask.data, prediction: prediction.mask.data };
}

/** A label map in memory. */
interface LabelMap extends Omit<LabelImage, 'data'> {
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
  const obstacle = obstacleInTiff(read.header);
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

function obstacleInTiff({ colours, channels, isInverted, isLossy, pages }: ImageHeader): string | undefined {
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
