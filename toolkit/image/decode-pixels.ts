import { AcceptedImage, type DeepSamples } from './accepted-image.ts';
import { areAsStored, type ImageHeader, type PageSize } from './image-header.ts';
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

/**
 * Lists what decoding changes in the stored values, one phrase each.
 *
 * @param white - Value of 16-bit samples that becomes 255, if set.
 * @param channels - Number of channels that are read: 3, or all channels of the file.
 */
export function conversionsOf(header: ImageHeader, white?: number, channels = 3): readonly string[] {
  const { extra, colours, bits, isInverted, hasProfile } = header;
  const notes: string[] = [];
  const isWhole = areAsStored(channels) && channels === header.channels;
  if (extra === 'alpha' && !isWhole) notes.push('alpha channel dropped');
  if (extra === 'unspecified channel' && !isWhole) notes.push('channel without a stated meaning dropped');
  if (colours === 'palette') notes.push('palette expanded to RGB');
  if (colours === 'grey' && !isWhole) notes.push('grey expanded to RGB');
  if (isInverted) notes.push('values inverted, since the file stores white as 0');
  if (bits === 16) {
    notes.push(
      white === undefined ? '16-bit samples reduced to their high byte' : `16-bit samples scaled, ${white} is white`,
    );
  }
  if (hasProfile) notes.push('colour profile ignored');
  return notes;
}

const TURNS: Readonly<Record<number, string>> = {
  2: 'mirrored left to right',
  3: 'turned by 180°',
  4: 'mirrored top to bottom',
  5: 'mirrored and turned by 90°',
  6: 'turned by 90° clockwise',
  7: 'mirrored and turned by 90°',
  8: 'turned by 90° counter-clockwise',
};
const MAX_PAGES_NAMED = 8;

/** Lists what users should know about how a file is read, one sentence each: orientation, pages, few bits. */
export function remarksOn({ orientation, pages, bits, colours, format }: ImageHeader): readonly string[] {
  const notes: string[] = [];
  const turn = TURNS[orientation];
  if (turn !== undefined) {
    notes.push(
      `Its orientation tag (${orientation}: to be shown ${turn}) was not applied: results are in the stored rows and columns.`,
    );
  }
  if (pages.length > 1) notes.push(pagesNote(format, pages));
  if (bits < 8 && colours === 'grey') notes.push(`Its ${bits}-bit grey values were stretched to 0..255.`);
  return notes;
}

function pagesNote(format: ImageHeader['format'], pages: readonly PageSize[]): string {
  const what = format === 'PNG' ? 'frames' : 'pages';
  const [first, ...others] = pages;
  if (first === undefined) return '';
  if (format === 'PNG') return `The first of its ${pages.length} ${what} was read.`;
  const named = others.slice(0, MAX_PAGES_NAMED).map(sizeText);
  const more = others.length > named.length ? ', ...' : '';
  const larger = others.some((page) => page.width * page.height > first.width * first.height);
  const warning = larger ? ' Another one is larger.' : '';
  return `The first of its ${pages.length} ${what} was read (${sizeText(first)}); the others have ${named.join(', ')}${more} px.${warning}`;
}

function sizeText({ width, height, isLevel }: PageSize): string {
  return `${width} x ${height}${isLevel ? ' (a smaller level)' : ''}`;
}

/** Usual bit depths of cameras. */
const DEPTHS = [8, 12, 14] as const;

/** Warns if the range of 16-bit samples does not fit the value of white, one sentence each. */
export function depthRemarks({ largest, above }: DeepSamples, white?: number): readonly string[] {
  if (white !== undefined) {
    const notes =
      largest < white / 2 ? [`Its largest value is ${largest}, less than half of --max-value ${white}.`] : [];
    if (above > 0)
      notes.push(`${(100 * above).toFixed(2)} % of its values are above --max-value ${white} and became 255.`);
    return notes;
  }
  const depth = DEPTHS.find((bits) => largest < 2 ** bits);
  if (largest === 0 || depth === undefined) return [];
  return [
    `Its largest value is ${largest} of 65535: it seems to hold ${depth} bits in 16, so that it looked too dark to the model; ` +
      `use --max-value ${2 ** depth - 1}.`,
  ];
}
