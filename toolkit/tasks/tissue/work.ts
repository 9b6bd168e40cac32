import { join } from 'node:path';
import type { TissueTask } from '../../../config/tasks.ts';
import { type InferredProduct, type Made, makeInference } from '../../cache/make.ts';
import type { CacheEntry } from '../../cache/step-cache.ts';
import { HE_LABELS } from '../../dataset/tissue-labels.ts';
import { ReigniteError } from '../../errors.ts';
import { inside } from '../../files/folders.ts';
import { decodeLabels, readMaskPair } from '../../image/decode-labels.ts';
import { decodeRgb } from '../../image/decode-pixels.ts';
import { imageSize } from '../../image/open-image.ts';
import { HeMetrics, heMetrics, roiConfusion, sumOfConfusions } from '../../metrics/he-metrics.ts';
import { prepareTissueModel, type TissueModel } from '../../models/tissue-model.ts';
import { convertModel, modelDigest } from '../../nnunet/convert/convert-model.ts';
import { knownModelCard } from '../../nnunet/model-card.ts';
import type { RoiJob, RoiSegmenter, SegmentResult } from '../../nnunet/sliding-window/roi-segmenter.ts';
import type { TissueTaskDefinition } from '../registry.ts';
import {
  type Aggregated,
  type InferenceJob,
  type InferenceOnce,
  type NetworkSetup,
  type PlannedRoi,
  type PreparedModel,
  type PrepareModelOptions,
  recalledEntryOf,
  type TaskWork,
} from '../work.ts';
import { CONFIDENCE, confusionOf, MASK, recordModel, type SegmentFacts } from './tissue.ts';

/** Prepares the segmentation model, once per content: the record's five folds, converted to ONNX, or a custom model. */
export async function prepareTissue(
  task: TissueTaskDefinition,
  { settings: { model: own, folds, mirroring }, data, models, signal, report }: PrepareModelOptions,
): Promise<PreparedModel> {
  const prepared =
    own === undefined
      ? await prepareRecordModel(await recordModel(task, data), models, signal, report)
      : await prepareTissueModel(own, models, { folds, mirroring, signal, onProgress: report });
  refuseOtherLabels(own, prepared);
  const { digest, modelDir, classes, cached } = prepared;
  return { digest, modelDir, facts: { classes, folds: Math.max(1, prepared.folds.length), cached } };
}

/** Converts the record's model with all five folds, as in the paper. */
async function prepareRecordModel(
  folder: string,
  models: string,
  signal: AbortSignal,
  onProgress: (progress: object) => void,
): Promise<Pick<TissueModel, 'digest' | 'modelDir' | 'classes' | 'folds' | 'cached'>> {
  const digest = await modelDigest(folder);
  const modelDir = join(models, digest);
  const known = await knownModelCard(modelDir);
  const card = known ?? (await convertModel({ folder, out: modelDir, signal, onProgress }));
  const folds = card.folds.map(({ fold }) => fold);
  return { digest, modelDir, classes: card.classes, folds, cached: known !== undefined };
}

function refuseOtherLabels(own: string | undefined, { classes }: Pick<TissueModel, 'classes'>): void {
  if (own === undefined || classes <= HE_LABELS.length) return;
  throw new ReigniteError(
    'CHECKPOINT_UNSUPPORTED',
    `The model ${own} has labels up to ${classes - 1}; those of the task end at ${HE_LABELS.length - 1}.`,
    { remedy: "Use a model with the paper's labels, or set the values of an .onnx model's labels in its JSON file." },
  );
}

/** Segments an ROI and scores it, once. */
export function segmentOnce(
  job: InferenceJob,
  { parts, guard, services, onStart }: InferenceOnce,
  segmenter: RoiSegmenter,
): Promise<Made> {
  return makeInference(services, parts, guard, (folder) => {
    onStart?.();
    return segmentAndScore({ ...job, folder }, segmenter);
  });
}

/**
 * Segments an ROI and counts its confusion matrix over the whole mask with context.
 *
 * @param job.folder - Folder for its files, which also holds the partial results of a killed attempt.
 */
export async function segmentAndScore(
  {
    roi,
    image,
    truth,
    imageSha256,
    following,
    modelDir,
    session,
    settings,
    folder,
    signal,
    report,
  }: InferenceJob & { readonly folder: string },
  segmenter: RoiSegmenter,
  more: Pick<RoiJob, 'rounding'> = {},
): Promise<InferredProduct> {
  await refuseOtherSize(roi, image, truth);
  const outputs = { mask: join(folder, MASK), confidence: join(folder, CONFIDENCE) };
  const ran = await segmenter.segment(
    {
      ...outputs,
      image,
      truth,
      imageSha256,
      ...(following !== undefined && { following }),
      modelDir,
      partialDir: join(folder, 'partial'),
      scope: settings.scope,
      ...session,
      ...more,
    },
    { signal, onProgress: report },
  );
  report({ phase: 'scoring' });
  const facts = await factsOf(roi, { truth, mask: outputs.mask }, ran);
  return { files: { [MASK]: outputs.mask, [CONFIDENCE]: outputs.confidence }, facts, ran };
}

async function factsOf(
  roi: string,
  files: { readonly truth: string; readonly mask: string },
  ran: SegmentResult,
): Promise<SegmentFacts> {
  const confusion = roiConfusion(await readMaskPair(roi, files.truth, files.mask));
  const { width, height, provider, fallbacks, instructionSet, tiles, seconds, notes } = ran;
  return {
    width,
    height,
    confusion: confusion.toRows(),
    provider,
    fallbacks: [...fallbacks],
    instructionSet,
    tiles,
    seconds,
    notes: [...notes],
  };
}

/** Compares the sizes in the files' headers, to fail before an hour of work. */
async function refuseOtherSize(roi: string, image: string, truth: string): Promise<void> {
  const [ours, theirs] = [await imageSize(image), await imageSize(truth)];
  if (ours.width === theirs.width && ours.height === theirs.height) return;
  throw new ReigniteError(
    'SIZE_MISMATCH',
    `ROI ${roi}: the image ${image} has ${ours.width} x ${ours.height} px, ` +
      `its annotation ${truth} ${theirs.width} x ${theirs.height} px.`,
  );
}

/** Draws the case figure of an ROI. @returns Whether there was something to draw. */
export async function drawTissueRoi(
  { roi, image, truth }: PlannedRoi,
  entry: CacheEntry,
  { data, cache }: Pick<TaskWork, 'data' | 'cache'>,
  out: string,
): Promise<boolean> {
  const { drawCaseFigure } = await import('../../figures/case-figure.ts');
  const figure = await drawCaseFigure({
    roi,
    image: await decodeRgb(inside(data, image)),
    truth: await decodeLabels(inside(data, truth)),
    prediction: await decodeLabels(cache.pathOf(entry.key, MASK)),
    out,
  });
  return figure.drawn;
}

/** Sums the confusion matrices of the ROIs. */
export async function aggregateTissue(
  _task: TissueTask,
  rois: readonly PlannedRoi[],
  { cache }: Pick<TaskWork, 'cache'>,
  { settings: { scope } }: Pick<NetworkSetup, 'settings'>,
): Promise<Aggregated> {
  const confusions = [];
  for (const planned of rois) confusions.push(confusionOf(await recalledEntryOf(cache, planned)));
  const metrics = heMetrics(sumOfConfusions(confusions), scope);
  return { metrics, outcome: { all: metrics.all, til: metrics.til } };
}

/** Draws the confusion matrices and the bars, and writes cm.npy. */
export async function drawTissueFigures(metrics: unknown, outDir: string, signal: AbortSignal): Promise<string[]> {
  // Vega takes a second to load, which a run from the cache does not need.
  const { renderHeFigures } = await import('../../figures/he-figures.ts');
  return renderHeFigures({ metrics: HeMetrics.parse(metrics), outDir, signal });
}
