import { join } from 'node:path';
import type { CacheEntry, KeyParts, StepCache } from '../cache/step-cache.ts';
import { drawTissueOverlay } from '../figures/prediction-overlay.ts';
import { writeRegions } from '../geojson/write-regions.ts';
import { decodeLabels } from '../image/decode-labels.ts';
import { encodeLabels } from '../image/encode-grey.ts';
import { encodeIndexed } from '../image/encode-indexed.ts';
import type { TissueClasses } from '../models/tissue-classes.ts';
import type { TissueModel } from '../models/tissue-model.ts';
import type { RoiProgress, RoiSegmenter } from '../nnunet/roi-segmenter.ts';
import { NOT_PREDICTED } from '../nnunet/tile-scope.ts';
import type { KeyedEngine } from '../onnx/refuse-other-engine.ts';
import type { SessionOptions } from '../onnx/session.ts';
import { describeInferred, inferOnce, type PredictOptions, type PredictServices } from './infer-once.ts';
import { factsOf, type InferenceFacts } from './inference-facts.ts';
import { readInput } from './input-image.ts';
import { classAreas } from './label-counts.ts';
import { type NetworkImage, networkImage } from './network-image.ts';
import { type ImagePrediction, type PredictionChoices, tissueFiles } from './prediction.ts';
import { resizeLabels } from './resize-labels.ts';

/** Raised whenever the same image and model would give another mask. */
const SCHEMA = 1;
const MASK = 'mask.png';
const MARGIN = 'margin.png';

export interface TissueJob {
  /** Absolute path of the image. */
  readonly image: string;
  /** Name of its files. */
  readonly name: string;
  /** Absolute folder of the prediction. */
  readonly out: string;
  readonly model: TissueModel;
  readonly classes: TissueClasses;
  readonly engine: Required<KeyedEngine>;
  readonly session: SessionOptions;
  readonly choices: PredictionChoices;
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
  services: PredictServices,
  options: PredictOptions<RoiProgress> = {},
): Promise<ImagePrediction> {
  const input = await readInput(job.image);
  const seen = await networkImage(input, job.choices, options.signal);
  const inferred = await inferOnce({ parts: keyOf(job, seen), engine: job.engine }, services, options, (work) =>
    segment(job, seen, segmenter, work, options),
  );
  options.signal?.throwIfAborted();
  options.onProgress?.({ phase: 'draw' });
  const files = tissueFiles(job.name);
  const made = await writeOutputs(job, seen, services.cache, inferred.entry, files);
  return { ...describeInferred(job, input, seen, inferred), ...made, files };
}

function keyOf({ model }: TissueJob, { sha256, size, isResampled }: NetworkImage): KeyParts {
  return {
    step: 'predict-tissue',
    schema: SCHEMA,
    image: sha256,
    size: isResampled ? `${size.width} x ${size.height}` : 'own',
    model: model.digest,
    engine: 'exact',
  };
}

async function segment(
  { model, session }: TissueJob,
  seen: NetworkImage,
  segmenter: RoiSegmenter,
  work: string,
  { signal, onProgress }: PredictOptions<RoiProgress>,
): Promise<{ files: Record<string, string>; facts: InferenceFacts; ran: Required<KeyedEngine> }> {
  const outputs = { mask: join(work, MASK), margin: join(work, MARGIN) };
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
  return { files: { [MASK]: outputs.mask, [MARGIN]: outputs.margin }, facts: factsOf(ran), ran };
}

type TissueFiles = ReturnType<typeof tissueFiles>;

async function writeOutputs(
  { image, out, classes, choices }: TissueJob,
  { isResampled, original }: NetworkImage,
  cache: StepCache,
  entry: CacheEntry,
  files: TissueFiles,
): Promise<Pick<ImagePrediction, 'areas' | 'regions' | 'leftOut'>> {
  const path = (file: string) => join(out, file);
  const mask = resizeLabels(await decodeLabels(cache.pathOf(entry.key, MASK)), original);
  if (isResampled) await encodeLabels(path(files.mask), mask);
  else await cache.restore(entry.key, MASK, path(files.mask));
  await cache.restore(entry.key, MARGIN, path(files.margin));
  await encodeIndexed(path(files.coloured), mask, paletteOf(classes));
  await drawTissueOverlay(image, mask, drawn(classes), path(files.overlay));
  const written = await writeRegions(path(files.polygons), mask, {
    classes: drawn(classes),
    simplify: choices.simplify,
    minArea: choices.minArea,
    ...(choices.mpp !== undefined && { mpp: choices.mpp }),
  });
  return { areas: classAreas(mask.data, classes, choices.mpp), ...written };
}

/** Label 0 stands for "nothing said": it has no outline and is not drawn. */
function drawn(classes: TissueClasses): TissueClasses {
  return new Map([...classes].filter(([value]) => value !== 0 && value !== NOT_PREDICTED));
}

function paletteOf(classes: TissueClasses): readonly (readonly [number, number, number])[] {
  const most = Math.max(...classes.keys());
  return Array.from({ length: most + 1 }, (_, value) => classes.get(value)?.color ?? [0, 0, 0]);
}
