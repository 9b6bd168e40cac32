import { join } from 'node:path';
import type { CacheEntry, KeyParts, StepCache } from '../cache/step-cache.ts';
import { drawTissueOverlay, type LegendEntry } from '../figures/prediction-overlay.ts';
import { writeRegions } from '../geojson/write-features.ts';
import type { DecodedImage } from '../image/accepted-image.ts';
import { decodeLabels } from '../image/decode-labels.ts';
import { decodeGrey16 } from '../image/decode-pixels.ts';
import { encodeGrey16, encodeIndexed, encodeLabels } from '../image/encode-png.ts';
import type { TissueClasses } from '../models/class-colours.ts';
import type { TissueModel } from '../models/tissue-model.ts';
import { RGB_SOFTMAX } from '../nnunet/model-card.ts';
import type { EnsembleOptions, RoiProgress, RoiSegmenter } from '../nnunet/sliding-window/roi-segmenter.ts';
import { NOT_PREDICTED } from '../nnunet/sliding-window/tile-grid.ts';
import type { RanEngine } from '../onnx/session/engine-choice.ts';
import { describeInferred, factsOf, type InferenceFacts, inferOnce } from './infer-once.ts';
import { InputImage, type NetworkImage, networkImage } from './input-image.ts';
import {
  type ClassArea,
  type ImagePrediction,
  type PredictionChoices,
  type PredictOptions,
  type PredictServices,
  tissueFiles,
} from './prediction.ts';
import {
  modelCautions,
  scaleCautions,
  stainCautions,
  type TissueCertainty,
  tissueCertainty,
  tissueCertaintyNote,
} from './reliability.ts';

/** Raised whenever a change gives another mask for the same image and model. */
const SCHEMA = 2;
const MASK = 'mask.png';
const CONFIDENCE = 'margin.png';

export interface TissueJob {
  /** Absolute path of the image. */
  readonly image: string;
  /** Absolute paths of its channels, if each is a file. */
  readonly channels?: readonly string[];
  /** Base name of its output files. */
  readonly name: string;
  /** Absolute path of the output folder. */
  readonly out: string;
  readonly model: TissueModel;
  readonly classes: TissueClasses;
  /** Notes on the model, one sentence each. */
  readonly notes: readonly string[];
  readonly engine: RanEngine;
  readonly session: EnsembleOptions;
  readonly choices: PredictionChoices;
}

/**
 * Segments a user's image. Writes the mask, the mask in colour, the confidence map, an overlay and outlines.
 *
 * Can be interrupted at any time and resumes on the next call: finished tile rows and the output of the network are kept
 * in the state directory.
 *
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function predictTissue(
  job: TissueJob,
  segmenter: RoiSegmenter,
  services: PredictServices,
  options: PredictOptions<RoiProgress> = {},
): Promise<ImagePrediction> {
  const input = await openInput(job);
  const seen = await networkImage(input, job.choices, options.signal);
  const inferred = await inferOnce({ parts: keyOf(job, seen), engine: job.engine }, services, options, (work) =>
    segment(job, seen, segmenter, work, options),
  );
  options.signal?.throwIfAborted();
  options.onProgress?.({ phase: 'draw' });
  const files = tissueFiles(job.name);
  const pixels = await input.decode();
  const cautions = [
    ...modelCautions(job.model),
    ...(job.model.channels === RGB_SOFTMAX.normalisation.length ? stainCautions('he', pixels) : []),
    ...scaleCautions(job.choices.mpp),
    ...pixels.remarks,
  ];
  const made = await writeOutputs(job, seen, pixels, cautions, services.cache, inferred.entry, files);
  const notes = [tissueCertaintyNote(made), ...job.notes];
  return { ...describeInferred(job, input, seen, inferred, { cautions, notes }), ...made, files };
}

function openInput({ image, channels, model, choices: { maxValue } }: TissueJob): Promise<InputImage> {
  return channels === undefined
    ? InputImage.open(image, maxValue, model.channels)
    : InputImage.openChannels(channels, maxValue);
}

function keyOf({ model, engine }: TissueJob, { sha256, change }: NetworkImage): KeyParts {
  return {
    step: 'predict-tissue',
    schema: SCHEMA,
    image: sha256,
    size: change,
    model: model.digest,
    engine: engine.engine ?? 'exact',
  };
}

async function segment(
  { model, session }: TissueJob,
  seen: NetworkImage,
  segmenter: RoiSegmenter,
  work: string,
  { signal, onProgress }: PredictOptions<RoiProgress>,
): Promise<{ files: Record<string, string>; facts: InferenceFacts; ran: RanEngine }> {
  const outputs = { mask: join(work, MASK), confidence: join(work, CONFIDENCE) };
  const ran = await segmenter.segment(
    {
      ...session,
      ...outputs,
      image: await seen.write(work),
      modelDir: model.modelDir,
      partialDir: join(work, 'partial'),
      scope: 'full',
    },
    { ...(signal && { signal }), ...(onProgress && { onProgress }) },
  );
  return { files: { [MASK]: outputs.mask, [CONFIDENCE]: outputs.confidence }, facts: factsOf(ran), ran };
}

type TissueFiles = ReturnType<typeof tissueFiles>;

async function writeOutputs(
  { out, classes, choices }: TissueJob,
  { isResampled, original }: NetworkImage,
  pixels: DecodedImage,
  cautions: readonly string[],
  cache: StepCache,
  entry: CacheEntry,
  files: TissueFiles,
): Promise<Pick<ImagePrediction, 'areas' | 'regions' | 'leftOut'> & TissueCertainty> {
  const path = (file: string) => join(out, file);
  const mask = resizeNearest(
    await decodeLabels(cache.pathOf(entry.key, MASK)),
    original,
    (length) => new Uint8Array(length),
  );
  const confidences = await decodeGrey16(cache.pathOf(entry.key, CONFIDENCE));
  if (isResampled) {
    await encodeLabels(path(files.mask), mask);
    await encodeGrey16(
      path(files.margin),
      resizeNearest(confidences, original, (length) => new Uint16Array(length)),
    );
  } else {
    await cache.restore(entry.key, MASK, path(files.mask));
    await cache.restore(entry.key, CONFIDENCE, path(files.margin));
  }
  await encodeIndexed(path(files.coloured), mask, paletteOf(classes));
  const areas = classAreas(mask.data, classes, choices.mpp);
  const legend = { entries: legendOf(areas, drawn(classes)), cautions };
  await drawTissueOverlay(pixels, mask, drawn(classes), legend, path(files.overlay));
  const written = await writeRegions(path(files.polygons), mask, {
    classes: drawn(classes),
    simplify: choices.simplify,
    minArea: choices.minArea,
    ...(choices.mpp !== undefined && { mpp: choices.mpp }),
  });
  return { areas, ...tissueCertainty(confidences.data), ...written };
}

/** Lists the classes that occur and are drawn, with their share of the image. */
export function legendOf(areas: readonly ClassArea[], classes: TissueClasses): LegendEntry[] {
  return areas.flatMap(({ value, name, share, mm2 }) => {
    const color = classes.get(value)?.color;
    const size = mm2 === undefined ? '' : `, ${mm2 < 0.001 ? '< 0.001' : mm2.toFixed(3)} mm²`;
    return color === undefined ? [] : [{ color, text: `${name} ${(100 * share).toFixed(1)} %${size}` }];
  });
}

/** Returns the classes that are drawn and outlined: all but label 0 ("unannotated") and pixels that were not predicted. */
export function drawn(classes: TissueClasses): TissueClasses {
  return new Map([...classes].filter(([value]) => value !== 0 && value !== NOT_PREDICTED));
}

/** Returns the colours of the labels, by value. */
export function paletteOf(classes: TissueClasses): readonly (readonly [number, number, number])[] {
  const most = Math.max(...classes.keys());
  return Array.from({ length: most + 1 }, (_, value) => classes.get(value)?.color ?? [0, 0, 0]);
}

/**
 * Counts the pixels of every class.
 *
 * @param mpp - µm per px.
 * @returns The classes that occur, sorted by value.
 */
function classAreas(labels: Uint8Array, classes: TissueClasses, mpp?: number): ClassArea[] {
  const counts = new Float64Array(256);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return areasOf(counts, labels.length, classes, mpp);
}

/**
 * Computes the area of every class that occurs.
 *
 * @param counts - Number of pixels per value.
 * @param total - Number of pixels that shares refer to.
 * @param mpp - µm per px.
 */
export function areasOf(counts: Float64Array, total: number, classes: TissueClasses, mpp?: number): ClassArea[] {
  return Array.from(counts, (pixels, value) => ({ pixels, value }))
    .filter(({ pixels }) => pixels > 0)
    .map(({ pixels, value }) => ({
      value,
      name: classes.get(value)?.name ?? `class ${value}`,
      pixels,
      share: pixels / total,
      ...(mpp !== undefined && { mm2: (pixels * mpp * mpp) / 1e6 }),
    }));
}

/** One number per pixel. */
interface PixelMap<Data extends Uint8Array | Uint16Array> {
  readonly width: number;
  readonly height: number;
  /** height x width, row by row. */
  readonly data: Data;
}

/**
 * Resizes a mask or a confidence map with nearest-neighbour interpolation.
 *
 * @param allocate - Allocates an array of `length` values.
 */
function resizeNearest<Data extends Uint8Array | Uint16Array>(
  map: PixelMap<Data>,
  { width, height }: { readonly width: number; readonly height: number },
  allocate: (length: number) => Data,
): PixelMap<Data> {
  if (map.width === width && map.height === height) return map;
  const data = allocate(width * height);
  const columns = Uint32Array.from({ length: width }, (_, x) => Math.floor(((x + 0.5) * map.width) / width));
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * map.height) / height) * map.width;
    for (let x = 0; x < width; x++) data[at++] = map.data[row + (columns[x] ?? 0)] ?? 0;
  }
  return { width, height, data };
}
