import { open } from 'node:fs/promises';
import { ReigniteError } from '../errors.ts';
import type { ImageHeader, Obstacle } from './image-header.ts';
import { readJpegHeader } from './jpeg-header.ts';
import { openImage, readRaw, unreadable } from './open-image.ts';
import { readPngHeader } from './png-header.ts';
import type { ByteSource } from './tiff-directory.ts';
import { readTiffHeader } from './tiff-header.ts';

/** Pixels of an accepted image. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** height x width x 3 uint8, row by row. */
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
   * @throws ReigniteError FILE_MISSING, or IMAGE_UNREADABLE with the reason and a remedy.
   */
  static async open(path: string): Promise<AcceptedImage> {
    const read = await readHeader(path);
    if (read === undefined) throw await otherFormat(path);
    if ('obstacle' in read) throw refusal(path, read.obstacle);
    const { width, height } = read.header;
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
   * dropped, not blended; grey and palettes are expanded.
   *
   * @param white - Value of 16-bit samples from which on they become 255. Default: the high byte is used.
   * @throws ReigniteError IMAGE_UNREADABLE if the pixels are damaged.
   */
  async decode(white?: number): Promise<DecodedImage> {
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
    const opaque = pipeline.removeAlpha().toColourspace(spaceOf(header));
    const { data, channels } = await readRaw(path, opaque.raw({ depth: is16Bit ? 'ushort' : 'uchar' }));
    const samples = width * height * channels;
    if ((channels !== 1 && channels !== 3) || data.length !== samples * (is16Bit ? 2 : 1)) {
      throw unreadable(path, `it has ${channels} bands of ${data.length} bytes after decoding`);
    }
    if (!is16Bit) return { width, height, data: asRgb(data, channels) };
    const { bytes, deep } = toBytes(new Uint16Array(aligned(data), 0, samples), white);
    return { width, height, data: asRgb(bytes, channels), deep };
  }
}

async function readHeader(path: string) {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path);
  } catch (error) {
    throw new ReigniteError('FILE_MISSING', `Image not found: ${path}.`, { cause: error });
  }
  try {
    const source: ByteSource = {
      async read(offset, length) {
        const bytes = Buffer.alloc(length);
        const { bytesRead } = await handle.read(bytes, 0, length, offset);
        return bytes.subarray(0, bytesRead);
      },
    };
    return (await readPngHeader(source)) ?? (await readJpegHeader(source)) ?? (await readTiffHeader(source));
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await handle.close();
  }
}

function refusal(path: string, { reason, remedy }: Obstacle): ReigniteError {
  return new ReigniteError('IMAGE_UNREADABLE', `The image ${path} cannot be read: ${reason}.`, {
    remedy: remedy.replace('IMAGE', path),
  });
}

/** Creates the error for an unsupported format, naming the format if the image library knows it. */
async function otherFormat(path: string): Promise<ReigniteError> {
  const { header } = await openImage(path);
  return new ReigniteError('IMAGE_UNREADABLE', `The image ${path} has the format ${header.format}.`, {
    remedy: `Save it as PNG, JPEG or TIFF, for example with \`magick ${path} OUT.png\`.`,
  });
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
