import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { ReigniteError } from '../errors.ts';
import { replaceFile } from '../files/atomic-write.ts';
import { sha256OfFile } from '../files/hash-file.ts';
import { makeFolder } from '../files/make-folder.ts';
import { asSentence } from '../format.ts';
import { AcceptedImage, type DecodedImage } from '../image/accepted-image.ts';
import { conversionsOf, depthRemarks, remarksOn } from '../image/image-remarks.ts';
import { MODEL_MPP, suitsModels } from '../model-resolution.ts';
import { isSlide, scaleOfTiff } from '../slide/read/is-slide.ts';
import type { ImagePrediction, PredictionChoices } from './prediction.ts';

/** An image without a scale within these bounds is one whose scale was mistyped. */
const MAX_SIDE = 100_000;
const MAX_PIXELS = 2 ** 31;

/** An image to predict, and its pixels as the network gets them. */
export class InputImage {
  readonly width: number;
  readonly height: number;
  /** Value of 16-bit samples that becomes white, where it was chosen and the image has such samples. */
  readonly white: number | undefined;
  /** What is worth knowing of the file, one sentence each. */
  readonly notes: readonly string[];
  readonly #image: AcceptedImage;

  private constructor(image: AcceptedImage, maxValue: number | undefined) {
    const { header } = image;
    this.#image = image;
    this.width = image.width;
    this.height = image.height;
    this.white = header.bits === 16 ? maxValue : undefined;
    const isUnused = maxValue !== undefined && this.white === undefined;
    this.notes = [
      ...remarksOn(header),
      ...conversionsOf(header, this.white).map(asSentence),
      ...(isUnused ? [`--max-value was not applied: its samples have ${header.bits} bits, not 16.`] : []),
    ];
  }

  /**
   * Reads the header of an image that is to be predicted.
   *
   * @param maxValue - Value of 16-bit samples that becomes white.
   * @throws ReigniteError FILE_MISSING, or IMAGE_UNREADABLE for whatever `AcceptedImage` does not take.
   */
  static async open(path: string, maxValue: number | undefined): Promise<InputImage> {
    return new InputImage(await AcceptedImage.open(path), maxValue);
  }

  get path(): string {
    return this.#image.path;
  }

  /** Its pixels in its own size, and what they say of its range of values, one sentence each. */
  async decode(): Promise<DecodedImage & { readonly remarks: readonly string[] }> {
    const image = await this.#image.decode(this.white);
    return { ...image, remarks: image.deep === undefined ? [] : depthRemarks(image.deep, this.white) };
  }

  /**
   * Writes its pixels as an 8-bit RGB PNG, at another size with Lanczos.
   *
   * @throws ReigniteError IMAGE_UNREADABLE, NO_SPACE, NOT_WRITABLE.
   */
  async write(size: { readonly width: number; readonly height: number }, out: string): Promise<void> {
    const { data, width, height } = await this.decode();
    await makeFolder(dirname(out));
    await rm(out, { force: true });
    await replaceFile(out, async (temporary) => {
      const pixels = sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: MAX_PIXELS });
      const isResized = size.width !== width || size.height !== height;
      const resized = isResized ? pixels.resize({ ...size, fit: 'fill', kernel: 'lanczos3' }) : pixels;
      await resized.png({ compressionLevel: 1 }).toFile(temporary);
    });
  }
}

/** The size that an image of `mpp` µm per px has at the resolution of the models. */
function sizeAtModel({ path, width, height }: InputImage, mpp: number) {
  const factor = mpp / MODEL_MPP;
  const size = { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
  if (Math.max(size.width, size.height) <= MAX_SIDE) return size;
  throw new ReigniteError('USAGE', `${path} would have ${size.width} x ${size.height} px at ${MODEL_MPP} µm/px.`, {
    remedy: 'Check --mpp, the pixel size in µm.',
  });
}

/** Whether a file is predicted as a slide: it is one, or was asked to be taken as one. */
export async function isSeenAsSlide(
  path: string,
  { level, everywhere }: Pick<PredictionChoices, 'level' | 'everywhere'>,
): Promise<boolean> {
  return level !== undefined || everywhere === true || (await isSlide(path));
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The image as the network sees it: the user's own file, or its pixels at the resolution of the models or scaled. */
export interface NetworkImage {
  /** Of the original file. */
  readonly sha256: string;
  readonly original: Size;
  readonly size: Size;
  readonly isResampled: boolean;
  /** For the key of the cache: what makes the network's image differ from the file. */
  readonly change: string;
  /** For the summary. */
  readonly said: Pick<ImagePrediction, 'mpp' | 'resampledTo'>;
  readonly notes: readonly string[];
  /** Path of the file that the network reads; written into `work` unless it is the user's own. */
  write(work: string): Promise<string>;
}

/** Size in px at which a network sees an image. */
export function seenSize(
  input: InputImage,
  { mpp, resample }: { readonly mpp?: number | undefined; readonly resample: boolean },
): Size {
  return resample && mpp !== undefined ? sizeAtModel(input, mpp) : { width: input.width, height: input.height };
}

/** Decides whether an image is resampled, and says what there is to say about its resolution. */
export async function networkImage(
  input: InputImage,
  { mpp, resample: isWanted }: PredictionChoices,
  signal: AbortSignal | undefined,
): Promise<NetworkImage> {
  const original = { width: input.width, height: input.height };
  const size = seenSize(input, { mpp, resample: isWanted });
  const isResampled = size.width !== original.width || size.height !== original.height;
  return {
    sha256: await sha256OfFile(input.path, signal),
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
      if (!isResampled && input.white === undefined) return input.path;
      const path = join(work, 'seen.png');
      if (!existsSync(path)) await input.write(size, path);
      return path;
    },
  };
}

/** Says which scale the file states where none was given: the user may not know that it is there. */
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
