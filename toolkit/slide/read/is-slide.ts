import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { readExactly } from './read-exactly.ts';
import { slidePages } from './slide-level.ts';
import { isOtherFormat } from './slide-obstacles.ts';
import { type SlideResolution, statedResolution } from './slide-resolution.ts';
import { readTiffPages, TAG, type TiffPage } from './tiff-pages.ts';
import { COMPRESSION } from './tile-codec.ts';

/** Endings that only slides have; those of formats that are not read: `isOtherFormat`. */
const ENDINGS: ReadonlySet<string> = new Set(['.svs', '.ndpi', '.scn', '.bif', '.czi']);
/** px; larger pictures are not held in memory as a whole. */
const MAX_IN_MEMORY = 2 ** 27;
const SEPARATE = 2;
const HEAD_BYTES = 160;
/** What the image library decodes. */
const PLAIN: ReadonlySet<number> = new Set([
  COMPRESSION.none,
  COMPRESSION.lzw,
  COMPRESSION.jpeg,
  COMPRESSION.deflate,
  COMPRESSION.oldDeflate,
  COMPRESSION.packBits,
]);

/**
 * Whether a file is read as a slide: by its ending, as a TIFF with levels, one that is too large to be held in memory,
 * or one that only the reader of slides takes. Other pictures are read as a whole.
 */
export async function isSlide(path: string): Promise<boolean> {
  if (ENDINGS.has(extname(path).toLowerCase())) return true;
  const { head, pages } = await contentOf(path);
  if (isOtherFormat(path, head)) return true;
  const [base, ...others] = slidePages(pages).levels;
  return base !== undefined && (others.length > 0 || isOfSlides(base));
}

/** The scale that a TIFF states and that can be true; undefined for other files. */
export async function scaleOfTiff(path: string): Promise<SlideResolution | undefined> {
  const { pages } = await contentOf(path);
  const [base] = slidePages(pages).levels;
  return base === undefined ? undefined : statedResolution(base, pages).resolution;
}

/** The first bytes of a file, and the pages of a TIFF. */
interface Content {
  readonly head: Buffer;
  /** None of other files, and none where they are damaged, which the reader of the picture says. */
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
    // Such as a folder, which the reader of the picture says.
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
