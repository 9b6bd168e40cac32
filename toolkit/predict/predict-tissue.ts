import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type CacheEntry, cacheKey, type KeyParts, type StepCache } from '../cache/step-cache.ts';
import { drawTissueOverlay } from '../figures/prediction-overlay.ts';
import type { HomeFolders } from '../files/home-folders.ts';
import { writeRegions } from '../geojson/write-regions.ts';
import { decodeLabels } from '../image/decode-labels.ts';
import { encodeLabels } from '../image/encode-grey.ts';
import { encodeIndexed } from '../image/encode-indexed.ts';
import type { TissueClasses } from '../models/tissue-classes.ts';
import type { TissueModel } from '../models/tissue-model.ts';
import type { Engine, RoiProgress, RoiSegmenter } from '../nnunet/roi-segmenter.ts';
import { NOT_PREDICTED } from '../nnunet/tile-scope.ts';
import type { SessionOptions } from '../onnx/session.ts';
import { asSentence } from './as-sentence.ts';
import { type InferenceFacts, readFacts } from './inference-facts.ts';
import { readInput } from './input-image.ts';
import { classAreas } from './label-counts.ts';
import { type NetworkImage, networkImage } from './network-image.ts';
import { type ImagePrediction, type PredictionChoices, tissueFiles } from './prediction.ts';
import { resizeLabels } from './resize-labels.ts';

/** Raised whenever the same image and model would give another mask. */
const SCHEMA = 1;
const MASK = 'mask.png';
const MARGIN = 'margin.png';

export interface PredictServices {
  readonly home: HomeFolders;
  readonly cache: StepCache;
}

export interface TissueJob {
  /** Absolute path of the image. */
  readonly image: string;
  /** Name of its files. */
  readonly name: string;
  /** Absolute folder of the prediction. */
  readonly out: string;
  readonly model: TissueModel;
  readonly classes: TissueClasses;
  readonly engine: Pick<Engine, 'provider' | 'ortVersion'>;
  readonly session: SessionOptions;
  readonly choices: PredictionChoices;
}

export interface PredictOptions<Progress> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress | { readonly phase: 'draw' }) => void;
}

/**
 * Segments an image of the user's: mask, the same in colours, margins, overlay, outlines, areas.
 *
 * Safe to kill anywhere: finished tile rows wait in the home, and what the network made is kept there.
 *
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function predictTissue(
  job: TissueJob,
  segmenter: RoiSegmenter,
  { home, cache }: PredictServices,
  { signal, onProgress }: PredictOptions<RoiProgress> = {},
): Promise<ImagePrediction> {
  const input = await readInput(job.image);
  const seen = await networkImage(input, job.choices, signal);
  const parts = keyOf(job, seen);
  const known = await cache.find(cacheKey(parts));
  const entry = known ?? (await segment(job, seen, parts, segmenter, { home, cache }, { signal, onProgress }));
  signal?.throwIfAborted();
  onProgress?.({ phase: 'draw' });
  const facts = readFacts(entry);
  const files = tissueFiles(job.name);
  const made = await writeOutputs(job, seen, cache, entry, files);
  return {
    image: job.image,
    name: job.name,
    width: input.width,
    height: input.height,
    ...seen.said,
    ...made,
    files,
    cached: known !== undefined,
    provider: facts.provider,
    seconds: known === undefined ? facts.seconds : 0,
    notes: [...input.notes, ...facts.notes.map(asSentence), ...seen.notes],
  };
}

function keyOf({ model, engine }: TissueJob, { sha256, size, isResampled }: NetworkImage): KeyParts {
  return {
    step: 'predict-tissue',
    schema: SCHEMA,
    image: sha256,
    size: isResampled ? `${size.width} x ${size.height}` : 'own',
    model: model.digest,
    provider: engine.provider,
    ortVersion: engine.ortVersion,
    engine: 'exact',
    precision: 'float32',
  };
}

async function segment(
  job: TissueJob,
  seen: NetworkImage,
  parts: KeyParts,
  segmenter: RoiSegmenter,
  { home, cache }: PredictServices,
  { signal, onProgress }: { signal: AbortSignal | undefined; onProgress: PredictOptions<RoiProgress>['onProgress'] },
): Promise<CacheEntry> {
  const work = join(home.work, cacheKey(parts));
  await mkdir(work, { recursive: true });
  const image = await seen.write(work);
  const outputs = { mask: join(work, MASK), margin: join(work, MARGIN) };
  const result = await segmenter.segment(
    {
      ...job.session,
      ...outputs,
      image,
      modelDir: job.model.modelDir,
      partialDir: join(work, 'partial'),
      scope: 'full',
    },
    { ...(signal && { signal }), ...(onProgress && { onProgress }) },
  );
  const facts: InferenceFacts = { provider: result.provider, seconds: result.seconds, notes: [...result.notes] };
  const entry = await cache.store(parts, { [MASK]: outputs.mask, [MARGIN]: outputs.margin }, facts);
  await rm(work, { recursive: true, force: true });
  return entry;
}

type TissueFiles = ReturnType<typeof tissueFiles>;

async function writeOutputs(
  { image, out, classes, choices }: TissueJob,
  { isResampled, original }: NetworkImage,
  cache: StepCache,
  entry: CacheEntry,
  files: TissueFiles,
): Promise<Pick<ImagePrediction, 'areas' | 'regions'>> {
  const path = (file: string) => join(out, file);
  const mask = resizeLabels(await decodeLabels(cache.pathOf(entry.key, MASK)), original);
  if (isResampled) await encodeLabels(path(files.mask), mask);
  else await cache.restore(entry.key, MASK, path(files.mask));
  await cache.restore(entry.key, MARGIN, path(files.margin));
  await encodeIndexed(path(files.coloured), mask, paletteOf(classes));
  await drawTissueOverlay(image, mask, drawn(classes), path(files.overlay));
  const regions = await writeRegions(path(files.polygons), mask, {
    classes: drawn(classes),
    simplify: choices.simplify,
    minArea: choices.minArea,
    ...(choices.mpp !== undefined && { mpp: choices.mpp }),
  });
  return { areas: classAreas(mask.data, classes, choices.mpp), regions };
}

/** Label 0 stands for "nothing said": it has no outline and is not drawn. */
function drawn(classes: TissueClasses): TissueClasses {
  return new Map([...classes].filter(([value]) => value !== 0 && value !== NOT_PREDICTED));
}

function paletteOf(classes: TissueClasses): readonly (readonly [number, number, number])[] {
  const most = Math.max(...classes.keys());
  return Array.from({ length: most + 1 }, (_, value) => classes.get(value)?.color ?? [0, 0, 0]);
}
