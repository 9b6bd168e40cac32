import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';
import sharp from 'sharp';
import { z } from 'zod';
import type { Task } from '../../../config/tasks.ts';
import type { FileDigests } from '../../cache/file-digests.ts';
import type { CacheEntry, KeyParts, StepCache } from '../../cache/step-cache.ts';
import { ReigniteError } from '../../errors.ts';
import { replaceFile, sweepTemporaries, temporaryPathBeside } from '../../files/atomic-write.ts';
import { type HomeFolders, makeFolder } from '../../files/folders.ts';
import { sha256Of } from '../../files/hash-file.ts';
import type { DecodedImage } from '../../image/accepted-image.ts';
import { encodeLabels } from '../../image/encode-png.ts';
import { Slide, slideOverview } from '../../slide/read/slide.ts';
import { MODEL_MPP, scaleText, suitsModels } from '../../slide/read/slide-resolution.ts';
import { SlideView } from '../../slide/read/slide-view.ts';
import { type SlideTissue, slideTissue, type TissueMask, tissueBlocks } from '../../slide/slide-tissue.ts';
import { definitionOf } from '../../tasks/registry.ts';
import type { PredictionChoices, PredictServices } from '../prediction.ts';

/** A slide as a network sees it. */
export interface SeenSlide {
  readonly slide: Slide;
  readonly view: SlideView;
  /** Makes a small image of the whole slide, which strips do not need. */
  readonly overview: () => Promise<DecodedImage>;
  /** Missing if the whole slide is predicted. */
  readonly tissue?: SlideTissue;
  readonly sha256: string;
  /** µm per px of the largest level, if known. */
  readonly mpp: number | undefined;
  /** Parts of the cache key. */
  readonly key: Readonly<Record<string, string | number>>;
  /** Notes on its pixel size and tissue, one sentence each. */
  readonly notes: readonly string[];
}

/** Services for predictions of slides. */
export interface SlideServices extends PredictServices {
  /** Remembers the digest of the slide, so that not every strip reads the whole file. */
  readonly digests: FileDigests;
}

/** A slide to open. */
export interface SlideRequest {
  readonly task: Task;
  readonly path: string;
  readonly choices: PredictionChoices;
  /** Absolute output paths of the tissue mask and of the picture of it. Missing for a strip, which does not write them. */
  readonly pictures?: { readonly mask: string; readonly picture: string };
  readonly services: Pick<SlideServices, 'home' | 'cache' | 'digests'>;
  readonly signal?: AbortSignal;
}

/**
 * Opens a slide, chooses its resolution and finds its tissue. The tissue is cached for strips and later predictions. The
 * tissue mask is written before the prediction starts.
 *
 * @param use - Called with the slide, which is closed afterwards.
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, SCALE_UNKNOWN, USAGE, NO_TISSUE, NO_SPACE, NOT_WRITABLE.
 */
export async function withSeenSlide<Result>(
  { task, path, choices, pictures, services, signal }: SlideRequest,
  use: (seen: SeenSlide) => Promise<Result>,
): Promise<Result> {
  const slide = await Slide.open(path);
  try {
    const { mpp, level, everywhere, maxValue } = choices;
    if (maxValue !== undefined && slide.bits === 16) {
      throw new ReigniteError(
        'USAGE',
        `--max-value is for images; of 16-bit slides such as ${path}, only the high byte is used.`,
        {
          remedy: 'Convert the slide to 8 bits first, with white at 255, and leave --max-value out.',
        },
      );
    }
    const view = SlideView.choose(slide, { ...(mpp && { mpp }), ...(level !== undefined && { level }) }, MODEL_MPP);
    const sha256 = await services.digests.sha256(path, signal);
    await services.digests.save();
    const of = { slide, sha256, services };
    const overview = () => overviewOnce(of);
    const isBlueTissue = definitionOf(task).stain !== 'H&E';
    const tissue = everywhere === true ? undefined : await tissueOnce(of, view, isBlueTissue);
    signal?.throwIfAborted();
    if (tissue !== undefined && pictures !== undefined) {
      await writeTissueMask(pictures.mask, tissue.mask);
      await drawTissueMask(pictures.picture, await overview(), tissue.mask, view);
    }
    if (tissue?.share === 0) throw noTissue(path, pictures?.picture);
    signal?.throwIfAborted();
    return await use({
      slide,
      view,
      overview,
      ...(tissue && { tissue }),
      sha256,
      mpp: mpp ?? slide.scale.resolution?.mpp,
      key: {
        level: view.level,
        factor: view.factor,
        ...(slide.fingerprint !== undefined && { fingerprint: slide.fingerprint }),
        tissue: tissue === undefined ? 'everywhere' : digestOf(tissue),
      },
      notes: [...slide.notes, ...scaleNotes(slide, view, mpp), ...tissueNotes(tissue), ...unusedNotes(choices)],
    });
  } finally {
    await slide.close();
  }
}

function noTissue(path: string, picture: string | undefined): ReigniteError {
  return new ReigniteError(
    'NO_TISSUE',
    `No tissue was found on ${path}${picture === undefined ? '' : ` (${picture})`}.`,
  );
}

function digestOf({ mask }: SlideTissue): string {
  return sha256Of(`${mask.block} ${mask.width} ${Buffer.from(mask.data).toString('latin1')}`);
}

function scaleNotes(slide: Slide, view: SlideView, given: number | undefined): readonly string[] {
  const { resolution } = slide.scale;
  const notes: string[] = [];
  if (given !== undefined) {
    const said = resolution === undefined ? '' : `; its ${resolution.source} says ${scaleText(resolution.mpp)}`;
    notes.push(`Its pixel size was given: ${given} µm${said}.`);
  } else if (resolution !== undefined) {
    notes.push(`Its pixel size is ${scaleText(resolution.mpp)} µm, from its ${resolution.source}.`);
  }
  const scaled =
    view.factor > 1 ? `downsampled by ${scaleText(view.factor)}` : `enlarged by ${scaleText(1 / view.factor)}`;
  const made = view.factor === 1 ? '' : `, ${scaled}`;
  const seenAt = view.mpp === undefined ? '' : ` at ${scaleText(view.mpp)} µm/px`;
  notes.push(`The network saw level ${view.level}${made}: ${view.width} x ${view.height} px${seenAt}.`);
  if (view.mpp === undefined)
    notes.push(`Its pixel size is unknown; the models expect ${MODEL_MPP} µm/px. Set it with --mpp.`);
  else if (!suitsModels(view.mpp)) notes.push(`The models expect ${MODEL_MPP} µm/px.`);
  if (view.factor < 1)
    notes.push('No level is as fine as the models expect: details that they were trained on are missing.');
  return notes;
}

/** Names the options that only images take. */
function unusedNotes({ maxValue, resample }: PredictionChoices): readonly string[] {
  return [
    ...(maxValue === undefined ? [] : ['--max-value was not applied: the samples of the slide have 8 bits, not 16.']),
    ...(resample ? ['--resample was not applied: slides are resampled without it, unless --level is given.'] : []),
  ];
}

function tissueNotes(tissue: SlideTissue | undefined): readonly string[] {
  if (tissue === undefined) return ['The whole slide was predicted, glass included (--everywhere).'];
  const pen = tissue.pen < 0.001 ? '' : `; ${percent(tissue.pen)} looks like pen and was left out`;
  return [
    `Tissue was found on ${percent(tissue.share)} of the slide${pen}; only tissue was predicted (--everywhere predicts the whole slide).`,
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Raised whenever a change gives another overview for the same slide. */
const OVERVIEW_SCHEMA = 1;
/** Raised whenever a change gives another tissue mask for the same slide. */
const TISSUE_SCHEMA = 1;
const DATA = 'data.zlib';

const deflated = promisify(deflate);
const inflated = promisify(inflate);

/** A slide, and the cache for its overview and tissue. */
interface SurveyedSlide {
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
async function tissueOnce(of: SurveyedSlide, view: SlideView, isBlueTissue: boolean): Promise<SlideTissue> {
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
async function writeTissueMask(path: string, { width, height, data }: TissueMask): Promise<void> {
  await encodeLabels(path, { width, height, data: data.map((each) => (each === 0 ? 0 : WHITE)) });
}

/**
 * Writes an image of the slide in which everything but tissue is darkened.
 *
 * @param size - Size of the image that the mask belongs to, px.
 */
async function drawTissueMask(
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
