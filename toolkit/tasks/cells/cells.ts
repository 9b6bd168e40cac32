import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RunConfig } from '../../../config/schema.ts';
import { type CellTask, TASK_TITLES } from '../../../config/tasks.ts';
import { type CacheEntry, CacheKey, type KeyParts, type StepCache } from '../../cache/step-cache.ts';
import { detectorFile, detectorFileIn, folderOf, RoiStem, readersFileIn } from '../../dataset/layout.ts';
import { readReaderAnnotations } from '../../dataset/readers-annotations.ts';
import { ReigniteError } from '../../errors.ts';
import { fileExists } from '../../files/file-access.ts';
import { type HomeFolders, inside } from '../../files/folders.ts';
import { cellSubset, type ScoredClasses } from '../../metrics/class-subset.ts';
import { type CellPoint, readPoints } from '../../metrics/points-file.ts';
import { CELL_COLOURS_CSS } from '../../models/class-colours.ts';
import { cellFiles } from '../../predict/prediction.ts';
import { RESULTS } from '../../results/results-folder.ts';
import { CellsVerdictFile } from '../../verdict/verdict-file.ts';
import { detectorDigest } from '../../yolo/convert/convert-detector.ts';
import { keptScore } from '../../yolo/detect/detection-files.ts';
import { View } from '../../yolo/detect/image-views.ts';
import { readDetectorCard } from '../../yolo/detector-card.ts';
import type { KnownModel, TaskKind } from '../kind.ts';
import {
  type CellTaskDefinition,
  changedSettings,
  type DetectionSettings,
  definitionOf,
  settingsInEffect,
} from '../registry.ts';
import { type Box, InferenceFacts, type ListedRoi, type NetworkSetup, networkParts, type RoiSources } from '../work.ts';
import { cellsMethods, cellsScoreGroups, cellsView, readCellsRemarks } from './view.ts';

/**
 * Creates a task in which cells are detected and compared with readers. Modules that load slowly are imported on
 * demand.
 */
export function cellsTask(definition: CellTaskDefinition): TaskKind {
  const { name, classes, declared } = definition;
  return {
    name,
    listRois: (data) => listCellRois(definition, data),

    checkRecord: async (tree, withModel) =>
      (await import('../../preflight/check-cells.ts')).checkCells(tree, name, { title: TASK_TITLES[name], withModel }),
    inferenceKey: ({ box }, sources, setup) =>
      detectKey(box, sources, setup, settingsInEffect(definition, setup.settings)),
    networkKey: ({ image }, setup) => {
      const { tile, confidence } = settingsInEffect(definition, setup.settings);
      return boxesKey({ image }, setup, { tile, floor: keptScore(confidence) });
    },
    prepareModel: async (options) => (await import('./work.ts')).prepareCells(definition, options),
    probe: ({ detector }, job, signal) => detector.probe(job, { signal }),
    infer: async (job, { parts, setup, guard, services, onStart }, { detector }) => {
      const { detectOnce } = await import('./detection.ts');
      const settings = settingsInEffect(definition, job.settings);
      return detectOnce({ ...job, setup, guard, onStart }, parts, settings, services, detector);
    },
    restore: (cache, entry, results, roi) => restoreCells(cache, entry, cellOutputs(name, results, roi)),

    figureKey: cellsFigureKey,
    figurePath: (results, roi) => cellOutputs(name, results, roi).figure,
    openDrawer: async (work) => (await import('./work.ts')).cellsDrawer(definition, work),
    aggregate: async (rois, work, { settings }) =>
      (await import('./work.ts')).aggregateCells(definition, rois, work, settings),
    drawFigures: async (...of) => (await import('./work.ts')).drawCellsFigures(definition, ...of),
    compareWithPublished: async (input) => (await import('./comparison.ts')).compareCells(definition, input),
    measuredWith: async (data) =>
      new Map(declared === undefined ? [] : [[detectorFile(name), await detectorFileIn(data, name)]]),
    measure: async (input, { detector }) => {
      if (declared === undefined) return { kind: 'nothing' };
      if (input.settings.model !== undefined) {
        return { kind: 'not measured', reason: "The model is not the record's." };
      }
      const changed = changedSettings(definition, input.settings);
      if (changed !== undefined) return { kind: 'not measured', reason: `The run has other settings: ${changed}.` };
      return (await import('./discrepancies.ts')).measureDeclared(name, declared.settings, input, detector);
    },

    inferenceStep: 'detect-cells',
    assumedSecondsPerTile: 0.15,
    passes: 'tiles',
    isModelThere: async (data) => fileExists(join(data, await detectorFileIn(data, name))),
    planModel: (...of) => planCellsModel(definition, ...of),
    passesOf: ({ width, height }, { patch: [tall, wide] }) => Math.ceil(height / tall) * Math.ceil(width / wide),

    takes: { labels: false, folds: false, mirroring: false, detection: true, categories: classes.length > 1 },
    evaluate: async (input) => (await import('../../evaluate/evaluate-cells.ts')).evaluateCells(name, input),
    scoredClasses: classes.length > 1 ? scoredClassesOf(classes) : undefined,
    scoreName: 'F1',

    verdictFile: CellsVerdictFile,
    view: cellsView,
    methods: (input) => cellsMethods(definition, input),
    scoreGroups: cellsScoreGroups,
    readRemarks: (results) => readCellsRemarks(results, name),
    viewer: {
      labels: classes.map((each, k) => ({ name: each, colour: CELL_COLOURS_CSS[k] ?? 'grey' })),
      layers: {
        image: 'Image',
        truth: 'Readers',
        published: 'Published points',
        ours: 'Reproduced points',
        confidence: '',
        differ: 'Points without counterpart (ring: reproduced, box: published)',
      },
      isMask: false,
      isShare: false,
      truth: 'readers',
      differing: ['point without counterpart', 'points without counterpart'],
      isScored: false,
      unit: 'points',
    },
    layers: async (...of) => (await import('./view.ts')).cellsLayers(name, ...of),

    predictionTable: 'counts.csv',
    predictionFiles: cellFiles,
    preparePredictor: async (order, ...of) =>
      (await import('../../predict/open-cells.ts')).prepareCellsOrder(order, name, ...of),
    openPredictor: async ({ task: _task, ...order }, ...of) =>
      (await import('../../predict/open-cells.ts')).openCellsPredictor({ ...order, task: name }, name, ...of),
  };
}

/** Lists the images of the COCO file of all readers. */
export async function listCellRois({ name }: CellTaskDefinition, data: string): Promise<readonly ListedRoi[]> {
  const truth = await readersFileIn(data, name);
  const { images } = await readReaderAnnotations(inside(data, truth), name);
  return images.map(({ stem, fileName, annotatedXyxy: [left, top, right, bottom] }) => ({
    roi: RoiStem.parse(stem),
    image: `${folderOf('images', name)}/${fileName}`,
    truth,
    box: [left, top, right, bottom],
  }));
}

function scoredClassesOf(names: readonly string[]): ScoredClasses {
  return {
    names,
    placeOf(word) {
      const place = names.findIndex((name) => name.toLowerCase() === word.toLowerCase());
      return place < 0 ? undefined : place;
    },
    nameOf: (place) => names[place],
    subset: (places) => cellSubset(names, places),
  };
}

/** Identifies the detector of a cell task. One that is not a checkpoint is identified only when it is prepared. */
async function planCellsModel(
  definition: CellTaskDefinition,
  config: RunConfig,
  data: string,
  { models }: HomeFolders,
  signal: AbortSignal,
): Promise<KnownModel> {
  const { name } = definition;
  const { tile } = settingsInEffect(definition, config[name]);
  const patch = [tile, tile] as const;
  const path = config[name].model ?? inside(data, await detectorFileIn(data, name));
  const digest = path.endsWith('.pt') ? await digestOf(path, tile, signal) : undefined;
  if (digest === undefined) return { isConverted: false, patch, folds: 1 };
  const isConverted = await readDetectorCard(join(models, digest)).then(Boolean, () => false);
  return { digest, isConverted, patch, folds: 1 };
}

async function digestOf(path: string, tile: number, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await detectorDigest(path, tile, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}

/** Names of files within cache entries. */
export const POINTS = 'points.npy';
export const CANDIDATES = 'candidates.json';
export const BOXES = 'boxes.npy';

/** Facts in a cache entry about the cells of an image. */
export const DetectFacts = InferenceFacts.extend({
  points: z.number().int(),
  candidates: z.number().int(),
  boxes: CacheKey.describe('Key of the boxes that they were chosen from'),
});
export type DetectFacts = z.infer<typeof DetectFacts>;

/** What a file of boxes does not contain itself. */
export const SeenFacts = z.object({
  model: z.string(),
  width: z.number().int(),
  height: z.number().int(),
  tile: z.number().int(),
  view: View.exactOptional(),
  classes: z.array(z.string()),
  floor: z.number(),
});

/** Facts in a cache entry about the boxes of an image. */
export const BoxesFacts = InferenceFacts.extend({ seen: SeenFacts });

/** Returns the paths of a detection image's files in a results folder, which has the layout of the record. */
export function cellOutputs(task: CellTask, results: string, roi: string) {
  return {
    points: RESULTS.points.in(results, definitionOf(task).folder, roi),
    candidates: RESULTS.candidates.in(results, task, roi),
    figure: RESULTS.figure.in(results, definitionOf(task).folder, `${roi}.png`),
  };
}

/** Copies the candidates and points of a cache entry to the results folder. */
export async function restoreCells(
  cache: StepCache,
  entry: CacheEntry,
  { points, candidates }: Pick<ReturnType<typeof cellOutputs>, 'points' | 'candidates'>,
): Promise<void> {
  await cache.restore(entry.key, CANDIDATES, candidates);
  await restorePoints(cache, entry, points);
}

/** Copies the points of a cache entry. An image without points has no file, as in the record. */
async function restorePoints(cache: StepCache, entry: CacheEntry, target: string): Promise<void> {
  if (entry.files[POINTS] === undefined) await rm(target, { force: true });
  else await cache.restore(entry.key, POINTS, target);
}

/** Returns the digest of the points of a cache entry; `none` for an image without points. */
function pointsDigest({ files }: CacheEntry): string {
  return files[POINTS]?.sha256 ?? 'none';
}

/** Reads the points of a cache entry; none if it has no file of points. */
export async function pointsOf(cache: StepCache, entry: CacheEntry, task: CellTask): Promise<readonly CellPoint[]> {
  return entry.files[POINTS] === undefined ? [] : readPoints(cache.pathOf(entry.key, POINTS), task);
}

/** Must be raised when a change of code changes the outputs of a step. */
const SCHEMA = { boxes: 1, detect: 2, figure: 3 } as const;

/**
 * Returns the cache key parts of an image's boxes. These do not depend on thresholds, only on the score down to which
 * they are kept.
 */
export function boxesKey(
  { image }: { readonly image: string },
  setup: NetworkSetup,
  { tile, floor }: { readonly tile: number; readonly floor: number },
): KeyParts {
  return { step: 'detect-boxes', schema: SCHEMA.boxes, image, tile, floor, ...networkParts(setup) };
}

/** Returns the cache key parts of an image's points and candidates. */
export function detectKey(
  box: Box | undefined,
  { image }: Pick<RoiSources, 'image'>,
  setup: NetworkSetup,
  { tile, confidence, iou }: DetectionSettings,
): KeyParts {
  return {
    step: 'detect-cells',
    schema: SCHEMA.detect,
    image,
    box: box?.join(' ') ?? 'none',
    tile,
    confidence,
    iou,
    ...networkParts(setup),
  };
}

/** Returns the cache key parts of a detection image's figure. */
function cellsFigureKey(roi: string, { image, truth }: RoiSources, entry: CacheEntry): KeyParts {
  const points = pointsDigest(entry);
  return { step: 'draw-cells', schema: SCHEMA.figure, roi, image, annotations: truth, points };
}
