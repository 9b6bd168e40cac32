import { join } from 'node:path';
import { drawTissueOverlay } from '../../figures/prediction-overlay.ts';
import { asSentence } from '../../format.ts';
import type { LabelMask } from '../../geojson/trace-regions.ts';
import { writeRegions } from '../../geojson/write-features.ts';
import { describeNetworks } from '../../nnunet/networks/open-networks.ts';
import type { SlideProgress, SlideSegmenter } from '../../nnunet/sliding-window/roi-segmenter.ts';
import { NOT_PREDICTED } from '../../nnunet/sliding-window/tile-grid.ts';
import { type Rows, readRows } from '../../slide/infer/slide-rows.ts';
import { type StripRows, slideGrid } from '../../slide/infer/tiled-slide.ts';
import { MODEL_MPP } from '../../slide/read/slide-resolution.ts';
import { writePyramid } from '../../slide/write-pyramid.ts';
import {
  describeSlide,
  factsOf,
  type Inferred,
  inferOnce,
  inferSlideOnce,
  splitUnlessCached,
  stripKey,
} from '../infer-once.ts';
import { areasOf, drawn, legendOf, paletteOf, type TissueJob } from '../predict-tissue.ts';
import { type ImagePrediction, type OfStrips, type PredictOptions, slideTissueFiles } from '../prediction.ts';
import { modelCautions, stainCautions, tissueCertaintyNote, tissueCertaintyOf } from '../reliability.ts';
import { type SeenSlide, type SlideRequest, type SlideServices, withSeenSlide } from './seen-slide.ts';

/** Raised whenever a change gives other labels for the same slide and model. */
const SCHEMA = 1;
const LABELS = 'labels.rows';
const CONFIDENCE = 'confidence.rows';
const VALUES = 256;

/**
 * Segments a slide. Writes labels and confidence as pyramidal TIFF at the pixel size of the model, outlines in px of the
 * largest level, and an overlay on the overview. Only tissue is predicted, unless `everywhere` is set.
 *
 * Can be interrupted at any time and resumes on the next call: finished tile rows and the output of the networks are kept
 * in the state directory.
 *
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, SCALE_UNKNOWN, NO_TISSUE, USAGE, INFERENCE_FAILED, NO_SPACE,
 *   NOT_WRITABLE; the signal's reason.
 */
export async function predictSlide(
  job: TissueJob,
  segmenter: SlideSegmenter,
  services: SlideServices,
  { strips = [], ...options }: PredictOptions<SlideProgress> & OfStrips = {},
): Promise<ImagePrediction> {
  const files = slideTissueFiles(job.name);
  return withSeenSlide(requestOf(job, services, options.signal), async (seen) => {
    const of = { strips, parts: keyOf(job, seen), engine: job.engine };
    const inferred = await inferSlideOnce(of, [LABELS, CONFIDENCE], services, options, (work) =>
      segment(job, seen, segmenter, work, options),
    );
    options.signal?.throwIfAborted();
    options.onProgress?.({ phase: 'draw' });
    const paths = {
      labels: services.cache.pathOf(inferred.entry.key, LABELS),
      confidence: services.cache.pathOf(inferred.entry.key, CONFIDENCE),
    };
    return { ...describeSlide(job, seen, inferred), ...(await writeOutputs(job, seen, inferred, paths)), files };
  });
}

/**
 * Splits a slide into strips of tile rows, which several workers can segment. Returns none for a slide that is small or
 * already in the cache.
 *
 * @throws What `predictSlide` throws before it computes anything.
 */
export async function tissueStrips(
  job: TissueJob,
  services: SlideServices,
  signal?: AbortSignal,
): Promise<readonly StripRows[]> {
  return withSeenSlide(requestOf(job, services, signal), async (seen) => {
    return splitUnlessCached({ parts: keyOf(job, seen), engine: job.engine }, services, async () => {
      const { tiles } = await slideGrid(seen.view, await describeNetworks(job.model.modelDir), seen.tissue?.mask);
      return tiles;
    });
  });
}

/**
 * Segments one strip of a slide and stores its rows in the cache. Can be interrupted like `predictSlide`.
 *
 * @throws What `predictSlide` throws.
 */
export async function predictSlideStrip(
  job: TissueJob,
  rows: StripRows,
  segmenter: SlideSegmenter,
  services: SlideServices,
  options: PredictOptions<SlideProgress> = {},
): Promise<{ readonly cached: boolean }> {
  const { pictures: _ofSlide, ...request } = requestOf(job, services, options.signal);
  return withSeenSlide(request, async (seen) => {
    const of = { parts: stripKey(keyOf(job, seen), rows), engine: job.engine };
    const { isCached } = await inferOnce(of, services, options, (work) =>
      segment(job, seen, segmenter, work, options, rows),
    );
    return { cached: isCached };
  });
}

function requestOf(
  { name, image, out, choices }: TissueJob,
  services: SlideServices,
  signal: AbortSignal | undefined,
): SlideRequest {
  const files = slideTissueFiles(name);
  const pictures = { mask: join(out, files.tissue), picture: join(out, files.tissuePicture) };
  return { task: 'he', path: image, choices, pictures, services, ...(signal && { signal }) };
}

function keyOf({ model }: TissueJob, { sha256, key }: SeenSlide) {
  return { step: 'predict-slide-tissue', schema: SCHEMA, image: sha256, ...key, model: model.digest, engine: 'exact' };
}

async function segment(
  { model, session, image, choices }: TissueJob,
  { sha256, tissue }: SeenSlide,
  segmenter: SlideSegmenter,
  work: string,
  { signal, onProgress }: PredictOptions<SlideProgress>,
  rows?: StripRows,
) {
  const outputs = { labels: join(work, LABELS), confidence: join(work, CONFIDENCE) };
  const { mpp, level } = choices;
  const ran = await segmenter.segmentSlide(
    {
      ...session,
      ...outputs,
      slide: image,
      slideSha256: sha256,
      choice: { ...(mpp !== undefined && { mpp }), ...(level !== undefined && { level }) },
      target: MODEL_MPP,
      ...(tissue && { tissue: tissue.mask }),
      ...(rows && { rows }),
      modelDir: model.modelDir,
      partialDir: join(work, 'partial'),
    },
    { ...(signal && { signal }), ...(onProgress && { onProgress }) },
  );
  return { files: { [LABELS]: outputs.labels, [CONFIDENCE]: outputs.confidence }, facts: factsOf(ran), ran };
}

/** Writes all files of a slide. Labels and confidence are streamed row by row. */
async function writeOutputs(
  { out, name, classes, choices, model, notes: ofModel }: TissueJob,
  { slide, view, overview: overviewOf, mpp, notes: ofSlide }: SeenSlide,
  { facts }: Inferred,
  rows: { readonly labels: string; readonly confidence: string },
) {
  const files = slideTissueFiles(name);
  const path = (file: string) => join(out, file);
  const { width, height } = view;
  const scale = view.mpp === undefined ? {} : { mpp: view.mpp };
  const labels = new LabelTally(view, 1 / view.scale);
  await writePyramid(path(files.mask), labels.through(readRows([rows.labels], width)), {
    ...scale,
    width,
    height,
    palette: slidePalette(paletteOf(classes)),
    description: `Labels of ${name} by reignite; ${NOT_PREDICTED} was not predicted`,
  });
  const confidence = new LabelTally(view, 1);
  await writePyramid(path(files.margin), confidence.through(readRows([rows.confidence], width)), {
    ...scale,
    width,
    height,
    description: `Confidence of ${name} by reignite: 255 x (largest - second largest class probability)`,
  });
  const overview = await overviewOf();
  const cautions = [...modelCautions(model), ...stainCautions('he', overview)];
  const areas = areasOf(labels.counts, labels.computed, classes, view.mpp).filter(
    ({ value }) => value !== NOT_PREDICTED,
  );
  const legend = { entries: legendOf(areas, drawn(classes)), cautions };
  await drawTissueOverlay(overview, labels.reduced, drawn(classes), legend, path(files.overlay));
  const traced = view.scale * labels.step;
  const written = await writeRegions(path(files.polygons), labels.reduced, {
    classes: drawn(classes),
    simplify: choices.simplify,
    minArea: choices.minArea,
    scale: traced,
    frame: { width: slide.width, height: slide.height },
    ...(mpp !== undefined && { mpp }),
  });
  const certainty = tissueCertaintyOf(computedConfidence(confidence.counts, labels.counts[NOT_PREDICTED] ?? 0));
  const notes = [
    ...cautions,
    tissueCertaintyNote(certainty),
    ...ofModel,
    ...ofSlide,
    'Shares refer to the predicted area.',
    ...(traced > 1 ? [tracedNote(traced, mpp)] : []),
    ...facts.notes.map(asSentence),
  ];
  return { areas, ...certainty, ...written, notes: [...new Set(notes)] };
}

function tracedNote(traced: number, mpp: number | undefined): string {
  const um = mpp === undefined ? '' : ` (${Number((traced * mpp).toPrecision(3))} µm)`;
  const side = Number(traced.toPrecision(3));
  return `Outlines were drawn from a mask whose pixels are ${side} px of the slide wide${um}; --simplify and --min-area are in pixels of this mask.`;
}

/** Returns the colours of the labels. Pixels that were not predicted are white, like glass. */
function slidePalette(palette: ReturnType<typeof paletteOf>): ReturnType<typeof paletteOf> {
  return Array.from({ length: VALUES }, (_, value) =>
    value === NOT_PREDICTED ? [255, 255, 255] : (palette[value] ?? [0, 0, 0]),
  );
}

/** Removes the pixels that were not predicted, whose confidence is 0, from a histogram of confidence. */
function computedConfidence(counts: Float64Array, notComputed: number): Float64Array {
  return counts.map((count, value) => (value === 0 ? Math.max(0, count - notComputed) : count));
}

/** Maximum number of pixels of the reduced image. */
const MAX_REDUCED = 2 ** 25;

/** Counts the values of an image while its rows are streamed, and keeps a reduced version of it. */
class LabelTally {
  /** Number of pixels per value. */
  readonly counts = new Float64Array(256);
  /** Every `step`-th pixel of every `step`-th row. */
  readonly reduced: LabelMask;
  /** px of the image per px of the reduced one. */
  readonly step: number;
  readonly #width: number;
  #row = 0;

  /** @param least - Minimum value of `step`, which is a power of two. */
  constructor({ width, height }: { readonly width: number; readonly height: number }, least: number) {
    let step = 1;
    while (step < least || Math.ceil(width / step) * Math.ceil(height / step) > MAX_REDUCED) step *= 2;
    this.step = step;
    this.#width = width;
    const size = { width: Math.ceil(width / step), height: Math.ceil(height / step) };
    this.reduced = { ...size, data: new Uint8Array(size.width * size.height) };
  }

  /** Passes rows through and counts their values. */
  async *through(rows: AsyncIterable<Rows>): AsyncGenerator<Rows> {
    for await (const some of rows) {
      for (let y = 0; y < some.count; y++) this.#add(some.data.subarray(y * this.#width, (y + 1) * this.#width));
      yield some;
    }
  }

  /** Number of pixels that were predicted. */
  get computed(): number {
    return this.counts.reduce((sum, count, value) => (value === NOT_PREDICTED ? sum : sum + count), 0);
  }

  #add(row: Uint8Array): void {
    for (const value of row) this.counts[value] = (this.counts[value] ?? 0) + 1;
    const { step, reduced } = this;
    if (this.#row % step === 0) {
      let to = (this.#row / step) * reduced.width;
      for (let x = 0; x < row.length; x += step) reduced.data[to++] = row[x] ?? 0;
    }
    this.#row++;
  }
}
