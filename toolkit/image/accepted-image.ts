import { open } from 'node:fs/promises';
import type { Sharp } from 'sharp';
import { ReigniteError } from '../errors.ts';
import { notOpened } from '../files/file-access.ts';
import { shellWord } from '../format.ts';
import { areAsStored, type ImageHeader, type Obstacle, otherFormatOf, START_BYTES } from './image-header.ts';
import { readJpegHeader, readTiffHeader } from './jpeg-tiff-header.ts';
import { openImage, readRaw, unreadable } from './open-image.ts';
import { readPngHeader } from './png-header.ts';
import { bytesIn } from './tiff-directory.ts';

/** Pixels of an accepted image. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** height x width x 3 uint8, row by row; from `decodeChannels`, height x width x channels. */
  readonly data: Uint8Array;
  /** Statistics of 16-bit samples before they were reduced to 8 bits. */
  readonly deep?: DeepSamples;
}

/** Statistics of the 16-bit samples of an image. */
export interface DeepSamples {
  /** The largest value, 0..65535. */
  readonly largest: number;
  /** Share of values above the value of white, 0 to 1. */
  readonly above: number;
}

/**
 * A supported image: PNG, JPEG or TIFF with 8- or 16-bit unsigned grey, RGB or palette pixels. All images that a network
 * sees are decoded by this class, so whatever it refuses is refused everywhere.
 */
export class AcceptedImage {
  readonly path: string;
  readonly header: ImageHeader;

  private constructor(path: string, header: ImageHeader) {
    this.path = path;
    this.header = header;
  }

  /**
   * Reads the header of an image.
   *
   * @param channels - Number of channels to read. Two or four are read as they are stored. Default: RGB.
   * @throws ReigniteError FILE_MISSING, or IMAGE_UNREADABLE with the reason and a remedy, also if two or four channels are
   *   requested and the image has another number.
   */
  static async open(path: string, channels = 3): Promise<AcceptedImage> {
    const read = await readHeader(path);
    if (read === undefined) throw await otherFormat(path);
    if ('obstacle' in read) throw refusal(path, read.obstacle);
    const { width, height, onlyChannels } = read.header;
    if (areAsStored(channels)) requireChannels(path, read.header, channels);
    else if (onlyChannels !== undefined) throw refusal(path, onlyChannels);
    if (width < 1 || height < 1) throw unreadable(path, `it is ${width} x ${height} px`);
    return new AcceptedImage(path, read.header);
  }

  get width(): number {
    return this.header.width;
  }

  get height(): number {
    return this.header.height;
  }

  /**
   * Decodes the image to RGB in its stored rows and columns. Ignores colour profiles, gamma and orientation. Alpha is
   * dropped, not blended; grey and palettes are expanded. If the image is neither grey nor RGB, its first channel is used
   * as grey, or its first three as RGB.
   *
   * @param white - Value of 16-bit samples from which on they become 255. Default: the high byte is used.
   * @throws ReigniteError IMAGE_UNREADABLE if the pixels are damaged.
   */
  async decode(white?: number): Promise<DecodedImage> {
    const { header } = this;
    if (header.onlyChannels !== undefined) {
      const { data, ...image } = await this.decodeChannels(white);
      return { ...image, data: firstAsRgb(data, header.channels) };
    }
    const opaque = (pipeline: Sharp) => pipeline.removeAlpha().toColourspace(spaceOf(header));
    const { bytes, channels, deep } = await this.#bytes(opaque, white);
    if (channels !== 1 && channels !== 3) throw this.#unexpected(channels);
    const { width, height } = header;
    return { width, height, data: asRgb(bytes, channels), ...(deep && { deep }) };
  }

  /**
   * Decodes every channel as it is stored, alpha included: height x width x channels uint8, row by row.
   *
   * @param white - As for `decode`.
   * @throws ReigniteError IMAGE_UNREADABLE if the pixels are damaged.
   */
  async decodeChannels(white?: number): Promise<DecodedImage> {
    const { width, height, channels, bits } = this.header;
    const all = (pipeline: Sharp) => pipeline.toColourspace(bits === 16 ? 'rgb16' : 'srgb');
    const { bytes, channels: decoded, deep } = await this.#bytes(all, white);
    // The image library repeats grey as red, green and blue, followed by the other channels.
    const repeated = this.header.colours === 'grey' ? 2 : 0;
    if (decoded !== channels + repeated) throw this.#unexpected(decoded);
    const data = repeated === 0 ? bytes : withoutRepeated(bytes, decoded, repeated);
    return { width, height, data, ...(deep && { deep }) };
  }

  /** Runs a pipeline and returns its samples, interleaved and reduced to 8 bits. */
  async #bytes(prepare: (pipeline: Sharp) => Sharp, white: number | undefined): Promise<DecodedBytes> {
    const { path, header } = this;
    const { width, height } = header;
    const is16Bit = header.bits === 16;
    const { pipeline, ...opened } = await openImage(path);
    if (opened.width !== width || opened.height !== height) {
      throw unreadable(
        path,
        `its header says ${width} x ${height} px, its content ${opened.width} x ${opened.height} px`,
      );
    }
    const { data, channels } = await readRaw(path, prepare(pipeline).raw({ depth: is16Bit ? 'ushort' : 'uchar' }));
    const samples = width * height * channels;
    if (data.length !== samples * (is16Bit ? 2 : 1)) throw this.#unexpected(channels);
    if (!is16Bit) return { bytes: data, channels };
    return { ...toBytes(new Uint16Array(aligned(data), 0, samples), white), channels };
  }

  #unexpected(channels: number): ReigniteError {
    return unreadable(this.path, `it has ${channels} bands after decoding, not those of its header`);
  }
}

/** Removes the `repeated` channels after the first one of every pixel. */
function withoutRepeated(bytes: Uint8Array, channels: number, repeated: number): Uint8Array {
  const kept = new Uint8Array((bytes.length / channels) * (channels - repeated));
  for (let from = 0, to = 0; from < bytes.length; from += channels, to += channels - repeated) {
    kept[to] = bytes[from] ?? 0;
    kept.set(bytes.subarray(from + 1 + repeated, from + channels), to + 1);
  }
  return kept;
}

interface DecodedBytes {
  readonly bytes: Uint8Array;
  readonly channels: number;
  readonly deep?: DeepSamples;
}

function requireChannels(path: string, { channels, colours, extra }: ImageHeader, wanted: number): void {
  if (channels === wanted) return;
  const stored = colours === 'grey' && channels > 2 ? '' : ` (${colours}${extra === 'none' ? '' : ` and ${extra}`})`;
  const has = channels === 1 ? '1 channel' : `${channels} channels`;
  throw new ReigniteError('IMAGE_UNREADABLE', `${path} has ${has}${stored}, but the model needs ${wanted}.`, {
    remedy:
      `Give the ${wanted} training channels, in their order, in one image: ${wanted === 2 ? 'a grey' : 'an RGB'} PNG ` +
      `whose alpha is the last channel, or a TIFF with ${wanted} samples per pixel.`,
  });
}

/** Returns the first channel as grey, or with three or more channels the first three as RGB. */
export function firstAsRgb(data: Uint8Array, channels: number): Uint8Array {
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, to = 0; from < data.length; from += channels, to += 3) {
    for (let colour = 0; colour < 3; colour++) rgb[to + colour] = data[from + (channels < 3 ? 0 : colour)] ?? 0;
  }
  return rgb;
}

async function readHeader(path: string) {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path);
  } catch (error) {
    throw notOpened('Image', path, error);
  }
  try {
    const source = bytesIn(handle);
    return (await readPngHeader(source)) ?? (await readJpegHeader(source)) ?? (await readTiffHeader(source));
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await handle.close();
  }
}

function refusal(path: string, { reason, remedy }: Obstacle): ReigniteError {
  return new ReigniteError('IMAGE_UNREADABLE', `The image ${path} cannot be read: ${reason}.`, {
    remedy: remedy.replace('IMAGE', () => shellWord(path)),
  });
}

/** Creates the error for an unsupported format, naming the format if its first bytes or the image library tell. */
async function otherFormat(path: string): Promise<ReigniteError> {
  const known = otherFormatOf(await startOf(path));
  if (known === undefined) {
    const { header } = await openImage(path).catch((error: unknown) => {
      // Otherwise the remedy would be to look at the image.
      if (error instanceof ReigniteError && error.code === 'IMAGE_UNREADABLE') throw unknownFormat(path, error);
      throw error;
    });
    return new ReigniteError('IMAGE_UNREADABLE', `The image ${path} has the format ${header.format}.`, {
      remedy: conversionOf(path),
    });
  }
  const { what, isConvertible } = known;
  return new ReigniteError('IMAGE_UNREADABLE', `The image ${path} cannot be read: it is ${what}.`, {
    remedy: isConvertible
      ? conversionOf(path)
      : 'Name a PNG, JPEG or TIFF image; if this should be one, copy it again.',
  });
}

function unknownFormat(path: string, cause: ReigniteError): ReigniteError {
  return new ReigniteError('IMAGE_UNREADABLE', cause.message, {
    cause,
    remedy: `If another program opens it, save it there as PNG or TIFF, or try \`magick ${shellWord(path)} OUT.png\`.`,
  });
}

function conversionOf(path: string): string {
  return `Save it as PNG, JPEG or TIFF, for example with \`magick ${shellWord(path)} OUT.png\`.`;
}

async function startOf(path: string): Promise<Uint8Array> {
  const handle = await open(path);
  try {
    const start = new Uint8Array(START_BYTES);
    const { bytesRead } = await handle.read(start, 0, START_BYTES, 0);
    return start.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function spaceOf({ colours, bits }: ImageHeader): string {
  if (bits === 16) return colours === 'grey' ? 'grey16' : 'rgb16';
  return colours === 'grey' ? 'b-w' : 'srgb';
}

/** Converts samples to bytes: their high byte, or scaled so that `white` becomes 255. */
function toBytes(samples: Uint16Array, white: number | undefined): { bytes: Uint8Array; deep: DeepSamples } {
  const scale = Uint8Array.from({ length: 65_536 }, (_, value) =>
    white === undefined ? value >> 8 : Math.min(255, Math.round((value * 255) / white)),
  );
  const bytes = new Uint8Array(samples.length);
  const limit = white ?? 65_535;
  let [largest, above] = [0, 0];
  for (let at = 0; at < samples.length; at++) {
    const value = samples[at] ?? 0;
    bytes[at] = scale[value] ?? 0;
    if (value > largest) largest = value;
    if (value > limit) above++;
  }
  return { bytes, deep: { largest, above: samples.length === 0 ? 0 : above / samples.length } };
}

/** Returns the underlying buffer. Copies the bytes if they do not start at its beginning, so that they are aligned. */
function aligned(data: Buffer): ArrayBufferLike {
  return data.byteOffset === 0 ? data.buffer : Uint8Array.from(data).buffer;
}

function asRgb(samples: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return samples;
  const rgb = new Uint8Array(samples.length * 3);
  for (let at = 0; at < samples.length; at++) rgb.fill(samples[at] ?? 0, 3 * at, 3 * at + 3);
  return rgb;
}
