import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';
import sharp from 'sharp';
import { z } from 'zod';
import type { CacheEntry, KeyParts, StepCache } from '../../cache/step-cache.ts';
import { replaceFile, sweepTemporaries, temporaryPathBeside } from '../../files/atomic-write.ts';
import { type HomeFolders, makeFolder } from '../../files/folders.ts';
import type { DecodedImage } from '../../image/accepted-image.ts';
import { encodeLabels } from '../../image/encode-png.ts';
import { type Slide, slideOverview } from '../../slide/read/slide.ts';
import type { SlideView } from '../../slide/read/slide-view.ts';
import { type SlideTissue, slideTissue, type TissueMask, tissueBlocks } from '../../slide/slide-tissue.ts';

/** Raised whenever a change gives another overview for the same slide. */
const OVERVIEW_SCHEMA = 1;
/** Raised whenever a change gives another tissue mask for the same slide. */
const TISSUE_SCHEMA = 1;
const DATA = 'data.zlib';

const deflated = promisify(deflate);
const inflated = promisify(inflate);

/** A slide, and the cache for its overview and tissue. */
export interface SurveyedSlide {
  readonly slide: Slide;
  readonly sha256: string;
  readonly services: { readonly home: Pick<HomeFolders, 'work'>; readonly cache: StepCache };
}

const Size = z.object({ width: z.int().min(1), height: z.int().min(1) });
const TissueFacts = Size.extend({ block: z.int().min(1), share: z.number(), pen: z.number() });

/**
 * Returns a small image of a slide, from the cache if possible.
 *
 * @throws ReigniteError IMAGE_UNREADABLE for a damaged tile; NO_SPACE, NOT_WRITABLE.
 */
export async function overviewOnce(of: SurveyedSlide): Promise<DecodedImage> {
  const parts = { step: 'slide-overview', schema: OVERVIEW_SCHEMA, ...ofSlide(of) };
  const known = await recalled(of, parts, Size, 3);
  if (known !== undefined) return { ...known.facts, data: known.data };
  const overview = await slideOverview(of.slide);
  const { width, height, data } = overview;
  await keep(of, parts, { width, height }, data);
  return overview;
}

/**
 * Returns the tissue of a slide, from the cache if possible. A strip reuses what was found for the whole slide.
 *
 * @param isBlueTissue - Whether a purely blue block counts as stained tissue.
 * @throws ReigniteError IMAGE_UNREADABLE for a damaged tile; NO_SPACE, NOT_WRITABLE.
 */
export async function tissueOnce(of: SurveyedSlide, view: SlideView, isBlueTissue: boolean): Promise<SlideTissue> {
  const { block, width, height } = tissueBlocks(view);
  const blocks = { block, width, height, scale: view.scale };
  const parts = { step: 'slide-tissue', schema: TISSUE_SCHEMA, ...ofSlide(of), ...blocks, isBlueTissue };
  const known = await recalled(of, parts, TissueFacts, 1);
  if (known !== undefined) {
    const { share, pen, ...mask } = known.facts;
    return { mask: { ...mask, data: known.data }, share, pen };
  }
  const tissue = await slideTissue(view, isBlueTissue);
  const { data, ...mask } = tissue.mask;
  await keep(of, parts, { ...mask, share: tissue.share, pen: tissue.pen }, data);
  return tissue;
}

function ofSlide({ slide: { fingerprint }, sha256 }: SurveyedSlide): KeyParts {
  return { slide: sha256, ...(fingerprint !== undefined && { fingerprint }) };
}

/** Reads a cached result. Undefined if it is missing or damaged; it is then computed again. */
async function recalled<Facts extends z.infer<typeof Size>>(
  { services: { cache } }: SurveyedSlide,
  parts: KeyParts,
  schema: z.ZodType<Facts>,
  channels: number,
): Promise<{ readonly facts: Facts; readonly data: Uint8Array } | undefined> {
  const entry = await cache.find(cache.keyOf(parts));
  if (entry === undefined) return undefined;
  const facts = schema.safeParse(entry.facts).data;
  const data = await dataOf(entry, cache);
  return facts !== undefined && data?.length === facts.width * facts.height * channels ? { facts, data } : undefined;
}

async function dataOf({ key }: CacheEntry, cache: StepCache): Promise<Uint8Array | undefined> {
  try {
    return Uint8Array.from(await inflated(await readFile(cache.pathOf(key, DATA))));
  } catch {
    return undefined;
  }
}

/**
 * Stores a result in the cache and removes temporary files of interrupted attempts. Uses a separate folder, because strips
 * may do this at the same time.
 */
async function keep(
  { services: { home, cache } }: SurveyedSlide,
  parts: KeyParts,
  facts: object,
  data: Uint8Array,
): Promise<void> {
  await sweepTemporaries(home.work);
  const folder = temporaryPathBeside(join(home.work, cache.keyOf(parts)));
  await makeFolder(folder);
  try {
    const path = join(folder, DATA);
    await writeFile(path, await deflated(data, { level: 3 }));
    await cache.store(parts, { [DATA]: path }, facts);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const WHITE = 255;

/** Writes a tissue mask as a greyscale PNG, one pixel per block, white for tissue. */
export async function writeTissueMask(path: string, { width, height, data }: TissueMask): Promise<void> {
  await encodeLabels(path, { width, height, data: data.map((each) => (each === 0 ? 0 : WHITE)) });
}

/**
 * Writes an image of the slide in which everything but tissue is darkened.
 *
 * @param size - Size of the image that the mask belongs to, px.
 */
export async function drawTissueMask(
  path: string,
  { width, height, data }: DecodedImage,
  mask: TissueMask,
  size: { readonly width: number; readonly height: number },
): Promise<void> {
  const pixels = Uint8Array.from(data);
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * size.height) / height / mask.block) * mask.width;
    for (let x = 0; x < width; x++, at += 3) {
      const column = Math.floor(((x + 0.5) * size.width) / width / mask.block);
      if (mask.data[row + column] !== 0) continue;
      for (let channel = at; channel < at + 3; channel++) pixels[channel] = (pixels[channel] ?? 0) / 3;
    }
  }
  await replaceFile(path, async (temporary) => {
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png({ compressionLevel: 3 })
      .toFile(temporary);
  });
}
