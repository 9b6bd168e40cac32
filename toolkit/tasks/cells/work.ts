import { basename } from 'node:path';
import { makeFacts } from '../../cache/make.ts';
import type { CacheEntry, StepCache } from '../../cache/step-cache.ts';
import { detectorFileIn, readersFileIn } from '../../dataset/layout.ts';
import {
  type BoxCentre,
  type ReaderAnnotations,
  readersOn,
  readReaderAnnotations,
} from '../../dataset/readers-annotations.ts';
import { ReigniteError } from '../../errors.ts';
import { inside } from '../../files/folders.ts';
import { sha256Of } from '../../files/hash-file.ts';
import { decodeRgb } from '../../image/decode-pixels.ts';
import { DetectionMetrics, evaluateDetection } from '../../metrics/agreement.ts';
import type { CellPoint } from '../../metrics/points-file.ts';
import { prepareCellModel } from '../../models/cell-model.ts';
import { SweepFile } from '../../results/results-folder.ts';
import { keptScore, readBoxes } from '../../yolo/detect/detection-files.ts';
import { type CellTaskDefinition, type ChosenSettings, settingsInEffect } from '../registry.ts';
import {
  type Aggregated,
  type AggregatingWork,
  entryOf,
  type PlannedRoi,
  type PreparedModel,
  type PrepareModelOptions,
  type TaskWork,
} from '../work.ts';
import { BOXES, BoxesFacts, DetectFacts, pointsOf } from './cells.ts';
import { keptCells, type ScoredCell, sweepCells, thresholdsBy } from './sweep.ts';

/** Prepares a detector, once per content: the record's YOLOv5 checkpoint, converted to ONNX, or a custom model. */
export async function prepareCells(
  { name, classes }: CellTaskDefinition,
  { settings: { model: own, tile }, data, models, signal, report }: PrepareModelOptions,
): Promise<PreparedModel> {
  report({ phase: 'converting', task: name });
  const path = own ?? inside(data, await detectorFileIn(data, name));
  const {
    digest,
    modelDir,
    classes: found,
  } = await prepareCellModel(path, models, {
    signal,
    ...(tile !== undefined && { size: tile }),
  });
  if (found.length !== classes.length) {
    throw new ReigniteError(
      'CHECKPOINT_UNSUPPORTED',
      `The detector ${path} has ${found.length} classes; the task ${name} has ${classes.length}: ${classes.join(', ')}.`,
      { remedy: 'Use a detector that was trained for this task.' },
    );
  }
  return { digest, modelDir, facts: {} };
}

/** Returns a function that draws figures of images with the points of readers and AI. The readers' file is read once. */
export async function cellsDrawer({ name }: CellTaskDefinition, { data, cache }: Pick<TaskWork, 'data' | 'cache'>) {
  const { drawCellsFigure } = await import('../../figures/cells-figure.ts');
  const annotations = await readReaderAnnotations(inside(data, await readersFileIn(data, name)), name);
  const byStem = new Map(annotations.images.map((image) => [image.stem, image]));
  return async ({ roi, image }: PlannedRoi, entry: CacheEntry, out: string): Promise<boolean> => {
    const annotated = byStem.get(roi);
    if (annotated === undefined) return false;
    await drawCellsFigure({
      task: name,
      fileName: basename(image),
      image: await decodeRgb(inside(data, image)),
      annotatedXyxy: annotated.annotatedXyxy,
      readers: readersOn(annotations, annotated.id),
      ai: await pointsOf(cache, entry, name),
      out,
    });
    return true;
  };
}

/** Compares readers and AI, also at other thresholds. Failed images are left out of every pair. */
export async function aggregateCells(
  definition: CellTaskDefinition,
  rois: readonly PlannedRoi[],
  work: AggregatingWork,
  settings: ChosenSettings,
): Promise<Aggregated> {
  const { name: task } = definition;
  const { data, cache } = work;
  const found = new Map<string, readonly CellPoint[]>();
  const results: FoundRoi[] = [];
  for (const planned of rois) {
    const entry = await entryOf(cache, planned);
    found.set(planned.roi, await pointsOf(cache, entry, task));
    results.push({ planned, entry });
  }
  const file = inside(data, await readersFileIn(data, task));
  const evaluated = async (centre: BoxCentre) => {
    const all = await readReaderAnnotations(file, task, centre);
    const annotations = { ...all, images: all.images.filter(({ stem }) => found.has(stem)) };
    return { annotations, ...evaluateDetection({ task, annotations, points: (stem) => found.get(stem) }) };
  };
  const { annotations, metrics, remarks } = await evaluated('first');
  const { metrics: corrected } = await evaluated('own');
  const sweep = await sweepOnce({ definition, found: results, annotations, settings, work });
  return {
    remarks,
    metrics: { ...metrics, corrected },
    sweep,
    outcome: { images: annotations.images.length, remarks: remarks.length },
  };
}

/** Draws the F1 matrices of readers and AI. */
export async function drawCellsFigures(
  { name: task }: CellTaskDefinition,
  metrics: unknown,
  outDir: string,
  signal: AbortSignal,
): Promise<string[]> {
  // Vega takes a second to load, which a run from the cache does not need.
  const { renderF1Figures } = await import('../../figures/f1-matrix.ts');
  return renderF1Figures({ task, metrics: DetectionMetrics.parse(metrics), outDir, signal });
}

/** Must be raised when the same boxes and annotations would give another file. */
const SCHEMA = 1;

/** Distance of two thresholds. */
const STEP = 0.05;

/** An image with its result in the cache. */
interface FoundRoi {
  readonly planned: PlannedRoi;
  readonly entry: CacheEntry;
}

/**
 * Scores a run at every confidence threshold, once per set of boxes and annotations.
 *
 * @param input.annotations - Annotations of the images to count.
 * @returns Undefined if the cache of this machine lacks the boxes of an image, as for results of earlier versions.
 */
async function sweepOnce(input: {
  readonly definition: CellTaskDefinition;
  readonly found: readonly FoundRoi[];
  readonly annotations: ReaderAnnotations;
  readonly settings: ChosenSettings;
  readonly work: Pick<TaskWork, 'cache' | 'data' | 'digests' | 'signal'>;
}): Promise<SweepFile | undefined> {
  const { definition, found, annotations, work } = input;
  const [first] = found;
  if (first === undefined) return undefined;
  const { confidence, iou } = settingsInEffect(definition, input.settings);
  const keys = found.map(
    ({ planned, entry }) => [planned.roi, DetectFacts.safeParse(entry.facts).data?.boxes] as const,
  );
  const parts = {
    step: 'sweep-cells',
    schema: SCHEMA,
    task: definition.name,
    boxes: sha256Of(keys.map((each) => each.join(' ')).join('\n')),
    annotations: await work.digests.sha256(inside(work.data, first.planned.truth), work.signal),
    confidence,
    iou,
  };
  const facts = await makeFacts(work, parts, async () => {
    const cells = new Map<string, readonly ScoredCell[]>();
    for (const [index, [roi, key]] of keys.entries()) {
      work.signal.throwIfAborted();
      const boxes = await boxesOf(work.cache, key);
      if (boxes === undefined) return undefined;
      cells.set(roi, await keptCells(boxes, iou, found[index]?.planned.box));
    }
    const { confidence: paper } = definition.settings;
    const thresholds = thresholdsBy(STEP, keptScore(confidence), paper, confidence);
    const of = { annotations, cells: (stem: string) => cells.get(stem) ?? [], thresholds, signal: work.signal };
    return { confidence, paper, iou, images: annotations.images.length, ...(await sweepCells(of)) };
  });
  return facts === undefined ? undefined : SweepFile.parse(facts);
}

async function boxesOf(cache: StepCache, key: string | undefined) {
  const entry = key === undefined ? undefined : await cache.recallHere(key);
  if (key === undefined || entry?.files[BOXES] === undefined) return undefined;
  return readBoxes(cache.pathOf(key, BOXES), BoxesFacts.parse(entry.facts).seen).catch(() => undefined);
}
