import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { slidePages } from './slide-level.ts';
import { isOtherFormat } from './slide-obstacles.ts';
import { type SlideResolution, statedResolution } from './slide-resolution.ts';
import { readExactly, readTiffPages, TAG, type TiffPage } from './tiff-pages.ts';
import { COMPRESSION } from './tile-codec.ts';

/** File extensions that only slides have. For unsupported formats, see `isOtherFormat`. */
const ENDINGS: ReadonlySet<string> = new Set(['.svs', '.ndpi', '.scn', '.bif', '.czi']);
/** Pixels; larger images are not held in memory as a whole. */
const MAX_IN_MEMORY = 2 ** 27;
const SEPARATE = 2;
const HEAD_BYTES = 160;
/** Compressions that the image library decodes. */
const PLAIN: ReadonlySet<number> = new Set([
  COMPRESSION.none,
  COMPRESSION.lzw,
  COMPRESSION.jpeg,
  COMPRESSION.deflate,
  COMPRESSION.oldDeflate,
  COMPRESSION.packBits,
]);

/**
 * Returns whether a file is read as a slide: it has the extension of one, or is a TIFF with levels, too large for memory,
 * or stored in a way that only the slide reader supports. Other images are read as a whole.
 */
export async function isSlide(path: string): Promise<boolean> {
  if (ENDINGS.has(extname(path).toLowerCase())) return true;
  const { head, pages } = await contentOf(path);
  if (isOtherFormat(path, head)) return true;
  const [base, ...others] = slidePages(pages).levels;
  return base !== undefined && (others.length > 0 || isOfSlides(base));
}

/** Reads the pixel size that a TIFF states. Undefined if it is missing or implausible, and for other files. */
export async function scaleOfTiff(path: string): Promise<SlideResolution | undefined> {
  const { pages } = await contentOf(path);
  const [base] = slidePages(pages).levels;
  return base === undefined ? undefined : statedResolution(base, pages).resolution;
}

/** The first bytes of a file, and the pages of a TIFF. */
interface Content {
  readonly head: Buffer;
  /** Empty for other files and for damaged ones, which fail later, when the image is read. */
  readonly pages: readonly TiffPage[];
}

const NOTHING: Content = { head: Buffer.alloc(0), pages: [] };

async function contentOf(path: string): Promise<Content> {
  const handle = await open(path).catch(() => undefined);
  if (handle === undefined) return NOTHING;
  try {
    const source = { read: (offset: number, length: number) => readExactly(handle, offset, length) };
    const head = await source.read(0, HEAD_BYTES);
    return { head, pages: (await readTiffPages(source).catch(() => undefined))?.pages ?? [] };
  } catch {
    // For example a folder; reading the image reports it.
    return NOTHING;
  } finally {
    await handle.close();
  }
}

function isOfSlides(base: TiffPage): boolean {
  const pixels = base.number(TAG.width, 0) * base.number(TAG.height, 0);
  if (pixels > MAX_IN_MEMORY || base.has(TAG.hamamatsu)) return true;
  if (/^Aperio/i.test(base.text(TAG.description))) return true;
  if (!base.has(TAG.tileWidth)) return false;
  return base.number(TAG.planar, 1) === SEPARATE || !PLAIN.has(base.number(TAG.compression, 1));
}
