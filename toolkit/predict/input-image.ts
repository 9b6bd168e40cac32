import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { ReigniteError } from '../errors.ts';
import { replaceFile } from '../files/atomic-write.ts';
import { makeFolder } from '../files/folders.ts';
import { sha256OfFile } from '../files/hash-file.ts';
import { asSentence } from '../format.ts';
import { AcceptedImage, type DecodedImage } from '../image/accepted-image.ts';
import { ChannelFiles } from '../image/channel-files.ts';
import { conversionsOf, depthRemarks, remarksOn } from '../image/decode-pixels.ts';
import { areAsStored, RGB } from '../image/image-header.ts';
import { isSlide, scaleOfTiff } from '../slide/read/slide-formats.ts';
import { MODEL_MPP, suitsModels } from '../slide/read/slide-resolution.ts';
import type { ImagePrediction, NamedImage, PredictionChoices } from './prediction.ts';

/** A resampled image with a longer side, px, means that the pixel size was mistyped. */
const MAX_SIDE = 100_000;
const MAX_PIXELS = 2 ** 31;
/** Number of channels, unless the network needs another one. */

/** An image to predict. */
export class InputImage {
  readonly width: number;
  readonly height: number;
  /** Value of 16-bit samples that becomes white, if the user set it and the image has 16-bit samples. */
  readonly white: number | undefined;
  /** Notes on the file, one sentence each. */
  readonly notes: readonly string[];
  readonly #image: AcceptedImage | ChannelFiles;

  readonly #channels: number;

  private constructor(image: AcceptedImage | ChannelFiles, maxValue: number | undefined, channels: number) {
    const { header } = image;
    this.#image = image;
    this.#channels = areAsStored(channels) ? channels : RGB;
    this.width = image.width;
    this.height = image.height;
    this.white = header.bits === 16 ? maxValue : undefined;
    const isUnused = maxValue !== undefined && this.white === undefined;
    this.notes = [
      ...(image instanceof ChannelFiles ? [image.note] : []),
      ...remarksOn(header),
      ...conversionsOf(header, this.white, channels).map(asSentence),
      ...(isUnused ? [`--max-value was not applied: its samples have ${header.bits} bits, not 16.`] : []),
    ];
  }

  /**
   * Reads the header of an image to predict.
   *
   * @param maxValue - Value of 16-bit samples that becomes white.
   * @param channels - Number of channels of the network. Two or four are read as the file stores them. Default: RGB.
   * @throws ReigniteError FILE_MISSING, or IMAGE_UNREADABLE for an image that `AcceptedImage` does not support.
   */
  static async open(path: string, maxValue: number | undefined, channels = RGB): Promise<InputImage> {
    return new InputImage(await AcceptedImage.open(path, channels), maxValue, channels);
  }

  /**
   * Reads the headers of an image whose channels are files.
   *
   * @throws ReigniteError FILE_MISSING, IMAGE_UNREADABLE, SIZE_MISMATCH.
   */
  static async openChannels(paths: readonly string[], maxValue: number | undefined): Promise<InputImage> {
    return new InputImage(await ChannelFiles.open(paths), maxValue, paths.length);
  }

  get path(): string {
    return this.#image.path;
  }

  /** Whether its channels are files. */
  get isInFiles(): boolean {
    return this.#image instanceof ChannelFiles;
  }

  /** Returns the SHA-256 of the file, or over those of its channels. */
  async sha256(signal: AbortSignal | undefined): Promise<string> {
    return this.#image instanceof ChannelFiles ? this.#image.sha256(signal) : sha256OfFile(this.path, signal);
  }

  /** Decodes the pixels at their original size, with remarks on the range of 16-bit values, one sentence each. */
  async decode(): Promise<DecodedImage & { readonly remarks: readonly string[] }> {
    const image = await this.#image.decode(this.white);
    return { ...image, remarks: image.deep === undefined ? [] : depthRemarks(image.deep, this.white) };
  }

  /**
   * Writes the channels that the network needs as an 8-bit PNG, resampled to `size` with Lanczos.
   *
   * @throws ReigniteError IMAGE_UNREADABLE, NO_SPACE, NOT_WRITABLE.
   */
  async write(size: { readonly width: number; readonly height: number }, out: string): Promise<void> {
    const channels = this.#channels;
    const { data, width, height } = await (channels === RGB ? this.decode() : this.#image.decodeChannels(this.white));
    await makeFolder(dirname(out));
    await rm(out, { force: true });
    const isResized = size.width !== width || size.height !== height;
    const made = { width, height, channels, data };
    await replaceFile(out, async (temporary) => {
      const pixels = !isResized ? rawImage(made) : await resized(made, size);
      await pixels.png({ compressionLevel: 1 }).toFile(temporary);
    });
  }
}

/** Interleaved bytes. */
interface Samples {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

function rawImage({ data, width, height, channels }: Samples): Sharp {
  const known = ([1, 2, 3, 4] as const).find((count) => count === channels);
  if (known === undefined) throw new RangeError(`Expected 1 to 4 channels, got ${channels}`);
  const image = sharp(data, { raw: { width, height, channels: known }, limitInputPixels: MAX_PIXELS });
  // Otherwise grey would be written as RGB.
  return channels < RGB ? image.toColourspace('b-w') : image;
}

/** Resizes an image, channel by channel unless it is RGB: otherwise the last channel would act as alpha on the others. */
async function resized(image: Samples, size: Size): Promise<Sharp> {
  const options = { ...size, fit: 'fill', kernel: 'lanczos3' } as const;
  const { channels } = image;
  if (channels === RGB) return rawImage(image).resize(options);
  const data = new Uint8Array(size.width * size.height * channels);
  for (let channel = 0; channel < channels; channel++) {
    const plane = new Uint8Array(image.data.length / channels);
    // `filter` would collect the values in an ordinary array, which V8 limits to about 100 million.
    for (let pixel = 0; pixel < plane.length; pixel++) plane[pixel] = image.data[pixel * channels + channel] ?? 0;
    const one = rawImage({ ...image, channels: 1, data: plane })
      .resize(options)
      .toColourspace('b-w');
    const pixels = await one.raw().toBuffer();
    for (const [pixel, value] of pixels.entries()) data[pixel * channels + channel] = value;
  }
  return rawImage({ ...size, channels, data });
}

/** Returns the size in px that an image of `mpp` µm per px has at the pixel size of the models. */
function sizeAtModel({ path, width, height }: InputImage, mpp: number) {
  const factor = mpp / MODEL_MPP;
  const size = { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
  if (Math.max(size.width, size.height) <= MAX_SIDE) return size;
  throw new ReigniteError('USAGE', `${path} would have ${size.width} x ${size.height} px at ${MODEL_MPP} µm/px.`, {
    remedy: 'Check --mpp, the pixel size in µm.',
  });
}

/** Returns whether a file is predicted as a slide: it is one, or the user chose an option for slides. */
export async function isSeenAsSlide(
  path: string,
  { level, everywhere }: Pick<PredictionChoices, 'level' | 'everywhere'>,
): Promise<boolean> {
  return level !== undefined || everywhere === true || (await isSlide(path));
}

/**
 * Returns whether an image of a prediction is a slide. One whose channels are files is not.
 *
 * @throws ReigniteError USAGE for options of slides with channels in files.
 */
export async function isSlideImage(
  { path, channels }: NamedImage,
  choices: Pick<PredictionChoices, 'level' | 'everywhere'>,
): Promise<boolean> {
  if (channels === undefined) return isSeenAsSlide(path, choices);
  if (choices.level === undefined && choices.everywhere !== true) return false;
  throw new ReigniteError('USAGE', `--level and --everywhere are for slides; the channels of ${path} are files.`);
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The image as the network sees it: the original file, or a copy of it that was resampled or converted to 8 bits. */
export interface NetworkImage {
  /** SHA-256 of the original file. */
  readonly sha256: string;
  readonly original: Size;
  readonly size: Size;
  readonly isResampled: boolean;
  /** For the cache key: how the network's image differs from the file. */
  readonly change: string;
  /** For the summary. */
  readonly said: Pick<ImagePrediction, 'mpp' | 'resampledTo'>;
  readonly notes: readonly string[];
  /** Returns the path of the file that the network reads: the original, or a copy that is written into `work`. */
  write(work: string): Promise<string>;
}

/** Returns the size in px at which the network sees an image. */
export function seenSize(
  input: InputImage,
  { mpp, resample }: { readonly mpp?: number | undefined; readonly resample: boolean },
): Size {
  return resample && mpp !== undefined ? sizeAtModel(input, mpp) : { width: input.width, height: input.height };
}

/** Decides whether an image is resampled, and adds notes on its pixel size. */
export async function networkImage(
  input: InputImage,
  { mpp, resample: isWanted }: PredictionChoices,
  signal: AbortSignal | undefined,
): Promise<NetworkImage> {
  const original = { width: input.width, height: input.height };
  const size = seenSize(input, { mpp, resample: isWanted });
  const isResampled = size.width !== original.width || size.height !== original.height;
  return {
    sha256: await input.sha256(signal),
    original,
    size,
    isResampled,
    change: [
      isResampled ? `${size.width} x ${size.height}` : 'own',
      ...(input.white === undefined ? [] : [`white ${input.white}`]),
    ].join(', '),
    said: { ...(mpp !== undefined && { mpp }), ...(isResampled && { resampledTo: size }) },
    notes: [...resolutionNotes(mpp, isResampled, size), ...(mpp === undefined ? await statedNotes(input.path) : [])],
    async write(work) {
      if (!isResampled && input.white === undefined && !input.isInFiles) return input.path;
      const path = join(work, 'seen.png');
      if (!existsSync(path)) await input.write(size, path);
      return path;
    },
  };
}

/** Points out a pixel size that the file states but the user did not give, and that is therefore not used. */
async function statedNotes(path: string): Promise<readonly string[]> {
  const stated = await scaleOfTiff(path);
  if (stated === undefined) return [];
  const mpp = Number(stated.mpp.toPrecision(4));
  const resample = suitsModels(mpp) ? '' : ' --resample';
  return [`Its ${stated.source} says ${mpp} µm/px, which was not used; use it with --mpp ${mpp}${resample}.`];
}

function resolutionNotes(mpp: number | undefined, isResampled: boolean, size: Size): readonly string[] {
  if (isResampled) {
    return [
      `It was resampled to ${MODEL_MPP} µm/px (${size.width} x ${size.height} px) for the network; results are in the original pixels.`,
    ];
  }
  if (mpp === undefined || suitsModels(mpp)) return [];
  return [`It has ${mpp} µm/px; the models expect ${MODEL_MPP}. Use --resample.`];
}
