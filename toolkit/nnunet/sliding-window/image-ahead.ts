import { markHandled } from '../../concurrency.ts';
import { sha256OfFile } from '../../files/hash-file.ts';
import type { ChannelsImage } from '../../image/decode-pixels.ts';
import { imageSize } from '../../image/open-image.ts';
import type { DecodeImage } from './tiled-roi.ts';

/** Larger images are not decoded ahead, because two would be in memory at the same time, px. */
const MOST_PIXELS = 2 ** 26;

/** Images decoded for nothing in a row, after which none is decoded ahead: other workers take the next images. */
const MOST_UNUSED = 3;

interface DecodedAhead {
  readonly path: string;
  /** Undefined if it was too large, or could not be read. */
  readonly image: Promise<{ readonly sha256: string; readonly pixels: ChannelsImage } | undefined>;
}

/** Decodes the next image while the GPU computes the present one, so that it does not wait for the decoder. */
export class ImageAhead {
  readonly #decode: DecodeImage;
  #next: DecodedAhead | undefined;
  #unused = 0;

  /** @param decode - Decodes an image as the networks need it. */
  constructor(decode: DecodeImage) {
    this.#decode = decode;
  }

  /** Starts to decode an image. Errors are left to the job that segments it. */
  start(path: string): void {
    if (this.#next?.path === path) return;
    if (this.#unused >= MOST_UNUSED) {
      // The last image may take hundreds of megabytes.
      this.#next = undefined;
      return;
    }
    if (this.#next !== undefined) this.#unused += 1;
    const image = decodeAhead(path, this.#decode);
    markHandled(image);
    this.#next = { path, image };
  }

  /**
   * Returns the pixels of an image, decoded ahead or now.
   *
   * @param sha256 - Digest of the image file. Pixels decoded from other bytes are not used.
   * @throws What `decode` throws.
   */
  async pixels(path: string, sha256: string): Promise<ChannelsImage> {
    const next = this.#next;
    if (next?.path !== path) return this.#decode(path);
    this.#next = undefined;
    const ahead = await next.image.catch(() => undefined);
    if (ahead?.sha256 !== sha256) return this.#decode(path);
    this.#unused = 0;
    return ahead.pixels;
  }
}

async function decodeAhead(path: string, decode: DecodeImage): Promise<Awaited<DecodedAhead['image']>> {
  const { width, height } = await imageSize(path);
  if (width * height > MOST_PIXELS) return undefined;
  return { sha256: await sha256OfFile(path), pixels: await decode(path) };
}
