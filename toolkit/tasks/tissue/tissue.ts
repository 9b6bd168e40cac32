import { join } from 'node:path';
import type { z } from 'zod';
import type { RunConfig } from '../../../config/schema.ts';
import type { TissueTask } from '../../../config/tasks.ts';
import { type CacheEntry, fileDigest, type KeyParts, type StepCache } from '../../cache/step-cache.ts';
import { folderOf, RoiStem } from '../../dataset/layout.ts';
import { listHeTestRois } from '../../dataset/test-rois.ts';
import { HE_LABELS, labelNamed } from '../../dataset/tissue-labels.ts';
import { ReigniteError } from '../../errors.ts';
import type { HomeFolders } from '../../files/folders.ts';
import { tissueSubset } from '../../metrics/class-subset.ts';
import { ConfusionMatrix } from '../../metrics/confusion-matrix.ts';
import { modelDigest } from '../../nnunet/convert/convert-model.ts';
import { findModelFolder } from '../../nnunet/convert/find-model-folder.ts';
import { findFolds } from '../../nnunet/convert/model-folds.ts';
import { knownModelCard } from '../../nnunet/model-card.ts';
import { tileStarts } from '../../nnunet/sliding-window/tile-grid.ts';
import { readPlansFile } from '../../nnunet/v1/plans.ts';
import { tissueFiles } from '../../predict/prediction.ts';
import { RESULTS } from '../../results/results-folder.ts';
import { HeVerdictFile } from '../../verdict/verdict-file.ts';
import type { KnownModel, TaskKind } from '../kind.ts';
import { definitionOf, type TissueTaskDefinition } from '../registry.ts';
import { InferenceFacts, type ListedRoi, type NetworkSetup, networkParts, type RoiSources, Rows } from '../work.ts';
import { tissueMethods, tissueScoreGroups, tissueView } from './view.ts';

const LABEL_NAMES: readonly string[] = HE_LABELS.map(({ name }) => name);
/** Unannotated and Background come first; they have no Dice in the paper's protocol. */
const FIRST_SCORED = 2;

/** Creates a task in which tissue is segmented into the paper's labels. Modules that load slowly are imported on demand. */
export function tissueTask(definition: TissueTaskDefinition): TaskKind {
  const { name } = definition;
  return {
    name,
    listRois: listTissueRois,

    checkRecord: async (tree, withModel) =>
      (await import('../../preflight/check-tissue.ts')).checkTissue(tree, name, withModel),
    inferenceKey: (_roi, sources, setup) => segmentKey(sources, setup),
    networkKey: () => undefined,
    prepareModel: async (options) => (await import('./work.ts')).prepareTissue(definition, options),
    probe: ({ segmenter }, job, signal) => segmenter.probe(job, { signal }),
    infer: async (job, once, { segmenter }) => (await import('./work.ts')).segmentOnce(job, once, segmenter),
    restore: (cache, entry, results, roi) => restoreMask(cache, entry, tissueOutputs(name, results, roi)),

    figureKey: caseFigureKey,
    figurePath: (results, roi) => tissueOutputs(name, results, roi).figure,
    openDrawer: async (work) => {
      const { drawTissueRoi } = await import('./work.ts');
      return (roi, entry, out) => drawTissueRoi(roi, entry, work, out);
    },
    aggregate: async (...of) => (await import('./work.ts')).aggregateTissue(name, ...of),
    drawFigures: async (...of) => (await import('./work.ts')).drawTissueFigures(...of),
    compareWithPublished: async (input) => (await import('./comparison.ts')).compareTissue(name, input),
    measuredWith: async () => new Map(),
    measure: async (input, { segmenter }) => {
      if (!input.isFull) return { kind: 'nothing' };
      return (await import('./discrepancies.ts')).measureRounding(input, segmenter);
    },

    inferenceStep: 'segment-roi',
    assumedSecondsPerTile: 0.85,
    passes: 'passes of a network',
    isModelThere: (data) => recordModel(definition, data).then(Boolean, () => false),
    planModel: (...of) => planTissueModel(definition, ...of),
    passesOf: passesOfImage,

    takes: { labels: true, folds: true, mirroring: true, detection: false, categories: false },
    evaluate: async (input) => (await import('../../evaluate/evaluate-tissue.ts')).evaluateTissue(name, input),
    scoredClasses: {
      names: LABEL_NAMES.slice(FIRST_SCORED),
      placeOf: labelNamed,
      nameOf: (label) => LABEL_NAMES[label],
      subset: tissueSubset,
    },
    scoreName: 'Dice',

    verdictFile: HeVerdictFile,
    view: tissueView,
    methods: tissueMethods,
    scoreGroups: tissueScoreGroups,
    readRemarks: async () => [],
    viewer: {
      labels: HE_LABELS.map((label) => ({ name: label.name, colour: `rgb(${label.colour.join(' ')})` })),
      layers: {
        image: 'Image',
        truth: 'Ground truth',
        published: 'Published prediction',
        ours: 'Reproduced prediction',
        confidence: 'Low confidence',
        differ: 'Differences between published and reproduced',
      },
      isMask: true,
      isShare: true,
      truth: 'ground truth',
      differing: ['differing pixel', 'differing pixels'],
      isScored: true,
      unit: 'pixels',
    },
    layers: async (folders) =>
      (await import('./view.ts')).tissueLayers(name, await listTissueRois(folders.data), folders),

    predictionTable: 'areas.csv',
    predictionFiles: tissueFiles,
    preparePredictor: async (...of) => (await import('../../predict/open-tissue.ts')).prepareTissueOrder(...of),
    openPredictor: async (...of) => (await import('../../predict/open-tissue.ts')).openTissuePredictor(...of),
  };
}

async function listTissueRois(data: string): Promise<readonly ListedRoi[]> {
  return (await listHeTestRois(data)).map(({ roi, image, annotation }) => ({
    roi: RoiStem.parse(roi),
    image,
    truth: annotation,
  }));
}

/** Returns the number of tiles of the sliding window, times the folds. */
function passesOfImage(
  { width, height }: { readonly width: number; readonly height: number },
  { patch: [tall, wide], folds }: KnownModel,
): number {
  return tileStarts(Math.max(height, tall), tall).length * tileStarts(Math.max(width, wide), wide).length * folds;
}

const USUAL_PATCH = [512, 512] as const;
const PAPERS_FOLDS = 5;

/**
 * Finds the record's model of a task, under any folder name: in the task's folder of models, or else anywhere below
 * `models/`.
 *
 * @returns The folder with the folds, absolute.
 * @throws ReigniteError FILE_MISSING when there is none, or several.
 */
export async function recordModel({ name }: TissueTaskDefinition, data: string): Promise<string> {
  return findModelFolder(join(data, folderOf('models', name))).catch(async (error: unknown) =>
    findModelFolder(join(data, 'models')).catch(() => Promise.reject(error)),
  );
}

/** Identifies the model of a tissue task. A custom model is identified when it is prepared. */
async function planTissueModel(
  task: TissueTaskDefinition,
  config: RunConfig,
  data: string,
  { models }: HomeFolders,
  signal: AbortSignal,
): Promise<KnownModel> {
  const folder = await recordModel(task, data).catch(() => undefined);
  const isOwn = config[task.name].model !== undefined;
  const digest = isOwn || folder === undefined ? undefined : await digestOf(folder, signal);
  if (digest === undefined || folder === undefined)
    return { isConverted: false, patch: USUAL_PATCH, folds: PAPERS_FOLDS };
  const card = await knownModelCard(join(models, digest));
  if (card === undefined) return { digest, isConverted: false, patch: await patchOf(folder), folds: PAPERS_FOLDS };
  return { digest, isConverted: true, patch: card.patch, folds: card.folds.length };
}

/** Returns the patch size in the plans of the first fold. If these are invalid, the conversion reports it. */
async function patchOf(folder: string): Promise<readonly [number, number]> {
  try {
    const [first] = await findFolds(folder);
    return (await readPlansFile(first.plans)).patch;
  } catch {
    return USUAL_PATCH;
  }
}

async function digestOf(folder: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await modelDigest(folder, undefined, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}

/** Names of files within cache entries. */
export const MASK = 'mask.png';
export const CONFIDENCE = 'margin.png';

/** Facts in a cache entry about a segmented ROI. */
export const SegmentFacts = InferenceFacts.extend({ confusion: Rows });
export type SegmentFacts = z.infer<typeof SegmentFacts>;

const ConfusionFacts = SegmentFacts.pick({ confusion: true });

/** Returns the 17 x 17 counts of an ROI, ground truth and our mask. */
export function confusionOf({ facts }: CacheEntry): ConfusionMatrix {
  return ConfusionMatrix.fromRows(ConfusionFacts.parse(facts).confusion);
}

/** Returns the paths of an ROI's files in a results folder, which has the layout of the record. */
export function tissueOutputs(task: TissueTask, results: string, roi: string) {
  return {
    mask: RESULTS.mask.in(results, definitionOf(task).folder, roi),
    confidence: RESULTS.confidence.in(results, task, roi),
    figure: RESULTS.caseFigure.in(results, definitionOf(task).folder, roi),
  };
}

/** Copies the mask and confidences of a cache entry to the results folder. */
async function restoreMask(
  cache: StepCache,
  entry: CacheEntry,
  outputs: ReturnType<typeof tissueOutputs>,
): Promise<void> {
  await cache.restore(entry.key, CONFIDENCE, outputs.confidence);
  await cache.restore(entry.key, MASK, outputs.mask);
}

/** Must be raised when a change of code changes the outputs of a step. */
const SCHEMA = { segment: 2, figure: 3, comparison: 1 } as const;

/** Returns the cache key parts of an ROI's mask, confidences and confusion matrix. */
export function segmentKey(sources: RoiSources, setup: NetworkSetup): KeyParts {
  return {
    step: 'segment-roi',
    schema: SCHEMA.segment,
    ...sources,
    scope: setup.settings.scope,
    ...networkParts(setup),
  };
}

/** Returns the cache key parts of an ROI's case figure. */
export function caseFigureKey(roi: string, sources: RoiSources, entry: CacheEntry): KeyParts {
  return { step: 'draw-case', schema: SCHEMA.figure, roi, ...sources, mask: fileDigest(entry, MASK) };
}

/** Returns the cache key parts of the comparison of an ROI's mask with the published one. */
export function comparisonKey(
  entry: CacheEntry,
  { published, truth }: { readonly published: string; readonly truth: string },
  lowConfidenceUpTo: number,
): KeyParts {
  const [mask, confidence] = [fileDigest(entry, MASK), fileDigest(entry, CONFIDENCE)];
  return {
    step: 'judge-roi',
    schema: SCHEMA.comparison,
    mask,
    margin: confidence,
    published,
    truth,
    lowConfidenceUpTo,
  };
}
