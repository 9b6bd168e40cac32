import { basename } from 'node:path';
import { ReigniteError } from '../errors.ts';
import { sha256Of, sha256OfFile } from '../files/hash-file.ts';
import { AcceptedImage, type DecodedImage, type DeepSamples, firstAsRgb } from './accepted-image.ts';
import type { ImageHeader } from './image-header.ts';

/** Returns the SHA-256 over the files of an image, in the order of its channels. */
export async function sha256OfChannels(paths: readonly string[], signal?: AbortSignal): Promise<string> {
  const digests: string[] = [];
  for (const path of paths) digests.push(await sha256OfFile(path, signal));
  return sha256Of(['channels', ...digests].join('\n'));
}

/** An image whose channels are grey files of their own, as nnU-Net reads them. Otherwise used like `AcceptedImage`. */
export class ChannelFiles {
  readonly header: ImageHeader;
  readonly #images: readonly AcceptedImage[];

  private constructor(first: AcceptedImage, images: readonly AcceptedImage[]) {
    const bits = Math.max(...images.map(({ header }) => header.bits));
    const colours = images.length < 3 ? 'grey' : 'RGB';
    this.header = { ...first.header, bits, colours, extra: 'none', channels: images.length };
    this.#images = images;
  }

  /**
   * Reads the headers of the files.
   *
   * @param paths - One grey image per channel, in the order of the training.
   * @throws ReigniteError FILE_MISSING; IMAGE_UNREADABLE, also for a file that is not grey; SIZE_MISMATCH.
   */
  static async open(paths: readonly string[]): Promise<ChannelFiles> {
    const images = await Promise.all(paths.map((path) => AcceptedImage.open(path)));
    const [first] = images;
    if (first === undefined) throw new RangeError('An image needs at least one channel.');
    for (const image of images) {
      if (image.header.channels !== 1) {
        throw new ReigniteError(
          'IMAGE_UNREADABLE',
          `${image.path} has ${image.header.channels} channels, but is one channel of an image.`,
          { remedy: 'Save each channel as a grey image.' },
        );
      }
      if (image.width === first.width && image.height === first.height) continue;
      throw new ReigniteError(
        'SIZE_MISMATCH',
        `${first.path} has ${first.width} x ${first.height} px, its other channel ${image.path} ${image.width} x ${image.height} px.`,
        { remedy: 'Give the channels of an image the same size.' },
      );
    }
    return new ChannelFiles(first, images);
  }

  /** Path of the first channel. */
  get path(): string {
    return this.#images[0]?.path ?? '';
  }

  get width(): number {
    return this.header.width;
  }

  get height(): number {
    return this.header.height;
  }

  /** Says which files are read, in one sentence. */
  get note(): string {
    return `Its channels were read from ${this.#images.map(({ path }) => basename(path)).join(', ')}.`;
  }

  /** Returns the SHA-256 over the files, in the order of the channels. */
  async sha256(signal?: AbortSignal): Promise<string> {
    return sha256OfChannels(
      this.#images.map(({ path }) => path),
      signal,
    );
  }

  /** Decodes what figures show: the first three channels as RGB, or of two channels the first as grey. */
  async decode(white?: number): Promise<DecodedImage> {
    const { data, ...image } = await this.decodeChannels(white);
    return { ...image, data: firstAsRgb(data, this.#images.length) };
  }

  /**
   * Decodes all channels: height x width x channels uint8, row by row.
   *
   * @param white - Value of 16-bit samples from which on they become 255. Default: the high byte is used.
   * @throws ReigniteError IMAGE_UNREADABLE if the pixels are damaged.
   */
  async decodeChannels(white?: number): Promise<DecodedImage> {
    const { width, height } = this;
    const channels = this.#images.length;
    const data = new Uint8Array(width * height * channels);
    const deeps: DeepSamples[] = [];
    for (const [channel, image] of this.#images.entries()) {
      const { data: rgb, deep } = await image.decode(white);
      if (deep !== undefined) deeps.push(deep);
      for (let pixel = 0, from = 0; from < rgb.length; pixel++, from += 3) {
        data[pixel * channels + channel] = rgb[from] ?? 0;
      }
    }
    return { width, height, data, ...(deeps.length > 0 && { deep: deepest(deeps) }) };
  }
}

function deepest(deeps: readonly DeepSamples[]): DeepSamples {
  return {
    largest: Math.max(...deeps.map(({ largest }) => largest)),
    above: deeps.reduce((sum, { above }) => sum + above, 0) / deeps.length,
  };
}
