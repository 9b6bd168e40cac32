import { setImmediate as nextTurn } from 'node:timers/promises';
import { TaskSettings } from '../../../config/task-config.ts';
import { type CellTask, TASK_TITLES } from '../../../config/tasks.ts';
import type { FileDigests } from '../../cache/file-digests.ts';
import type { StepCache } from '../../cache/step-cache.ts';
import { readersFileIn } from '../../dataset/layout.ts';
import { type ReaderAnnotations, readReaderAnnotations } from '../../dataset/readers-annotations.ts';
import { ReigniteError } from '../../errors.ts';
import { fileExists } from '../../files/file-access.ts';
import { inside } from '../../files/folders.ts';
import { agreementOfPair, agreementScores } from '../../metrics/agreement.ts';
import { PredictedPoints } from '../../metrics/match-points.ts';
import type { CellPoint } from '../../metrics/points-file.ts';
import { readConfiguration } from '../../report/configuration.ts';
import type { Summary } from '../../report/summary.ts';
import { RESULTS } from '../../results/results-folder.ts';
import { scoreOf } from '../../verdict/cells-uncertainty.ts';
import { CellsVerdictFile } from '../../verdict/verdict-file.ts';
import { roundedCoordinate } from '../../yolo/detect/candidates.ts';
import { type ImageBoxes, keptScore } from '../../yolo/detect/detection-files.ts';
import { SCRIPT_LIMITS } from '../../yolo/detect/nms.ts';
import { selectDetections } from '../../yolo/detect/select-detections.ts';
import { cellDefinition, type DetectionSettings, settingsInEffect } from '../registry.ts';
import type { Box, ListedRoi, NetworkSetup } from '../work.ts';
import { listCellRois } from './cells.ts';
import { keptBoxes } from './detection.ts';

/** A point and its detection score. */
export interface ScoredCell extends CellPoint {
  readonly score: number;
}

/** F1 of a reader with the AI at each threshold; null if the reader annotated none of the images. */
interface ReaderCurve {
  readonly group: string;
  readonly reader: string;
  /** Mean over the classes. */
  readonly macro: readonly (number | null)[];
  /** F1 by class, then by threshold. */
  readonly perClass: readonly (readonly (number | null)[])[];
}

/** The AI's tumour proportion score at each threshold, in percent. For research only. */
interface ProportionCurve {
  /** Mean over the images with a score. */
  readonly mean: readonly (number | null)[];
  /** Mean absolute difference from the reader, in percentage points, over the images in which both have a score. */
  readonly readers: readonly { readonly reader: string; readonly meanAbsoluteDifference: readonly (number | null)[] }[];
}

export interface CellSweep {
  readonly thresholds: readonly number[];
  /** Number of points of the AI at each threshold. */
  readonly points: readonly number[];
  readonly curves: readonly ReaderCurve[];
  readonly tumourProportion?: ProportionCurve;
}

/**
 * Scores the AI against every reader at many confidence thresholds, without inference.
 *
 * @param input.annotations - Annotations of the images to count.
 * @param input.cells - Returns, by stem of an image, the points at the lowest threshold or below. The points at a
 *   higher threshold are those with a higher score, since non-maximum suppression proceeds from the highest score down.
 * @param input.thresholds - Ascending, 0 to 1; a point's score must exceed it, compared as float32.
 */
export async function sweepCells({
  annotations,
  cells,
  thresholds,
  signal,
}: {
  readonly annotations: ReaderAnnotations;
  readonly cells: (stem: string) => readonly ScoredCell[];
  readonly thresholds: readonly number[];
  readonly signal: AbortSignal;
}): Promise<CellSweep> {
  const steps: SweepStep[] = [];
  for (const threshold of thresholds) {
    signal.throwIfAborted();
    steps.push(scoreAt(annotations, cells, threshold));
    await nextTurn();
  }
  const readers = annotations.groups.flatMap(({ name: group, readers: names }) =>
    names.map((reader) => ({ group, reader })),
  );
  const { classes, tumourProportion: named } = cellDefinition(annotations.task);
  return {
    thresholds,
    points: steps.map(({ points }) => points),
    curves: readers.map(({ group, reader }) => ({
      group,
      reader,
      macro: steps.map(({ f1 }) => f1.get(reader)?.macro.f1 ?? null),
      perClass: classes.map((_, label) => steps.map(({ f1 }) => f1.get(reader)?.f1[label] ?? null)),
    })),
    ...(named === undefined
      ? {}
      : {
          tumourProportion: {
            mean: steps.map(({ proportions }) => mean(proportions.flatMap(({ ai }) => ai ?? []))),
            readers: readers.map(({ reader }) => ({
              reader,
              meanAbsoluteDifference: steps.map(({ proportions }) => mean(differencesOf(proportions, reader))),
            })),
          },
        }),
  };
}

interface ImageProportion {
  readonly ai: number | null;
  readonly readers: ReadonlyMap<string, number | null>;
}

interface SweepStep {
  readonly points: number;
  readonly f1: ReadonlyMap<string, ReturnType<typeof agreementScores> | undefined>;
  readonly proportions: readonly ImageProportion[];
}

function scoreAt(
  annotations: ReaderAnnotations,
  cells: (stem: string) => readonly ScoredCell[],
  threshold: number,
): SweepStep {
  const { task, images, groups } = annotations;
  const { classes, hitRadius } = cellDefinition(task);
  const least = Math.fround(threshold);
  const found = images.map(({ id, stem }) => {
    const points = cells(stem).filter(({ score }) => score > least);
    return { id, stem, points, prediction: new PredictedPoints(points) };
  });
  const f1 = new Map(
    groups.flatMap(({ readers }) =>
      readers.map((reader) => {
        const pairs = found.flatMap(({ id, stem, prediction }) => {
          const truth = annotations.points.get(reader)?.get(id);
          return truth === undefined ? [] : [{ roi: stem, truth, prediction }];
        });
        const { total } = agreementOfPair(pairs, classes.length, { radius: hitRadius });
        return [reader, total === undefined ? undefined : agreementScores(total)] as const;
      }),
    ),
  );
  return {
    points: found.reduce((sum, { points }) => sum + points.length, 0),
    f1,
    proportions: found.map(({ id, points }) => proportionsOf(annotations, id, points)),
  };
}

function proportionsOf(
  { task, groups, points: ofReaders }: ReaderAnnotations,
  image: number,
  points: readonly CellPoint[],
): ImageProportion {
  const { classes, tumourProportion: named } = cellDefinition(task);
  if (named === undefined) return { ai: null, readers: new Map() };
  const of = { positive: classes.indexOf(named.positive), negative: classes.indexOf(named.negative) };
  const readers = groups.flatMap((group) => group.readers);
  return {
    ai: scoreOf(points, of),
    readers: new Map(readers.map((reader) => [reader, scoreOf(ofReaders.get(reader)?.get(image) ?? [], of)])),
  };
}

function differencesOf(proportions: readonly ImageProportion[], reader: string): number[] {
  return proportions.flatMap(({ ai, readers }) => {
    const theirs = readers.get(reader) ?? null;
    return ai === null || theirs === null ? [] : [Math.abs(ai - theirs)];
  });
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Selects the points of an image at the lowest threshold for which its boxes are stored, with their scores. */
export async function keptCells(boxes: ImageBoxes, iou: number, box: Box | undefined): Promise<readonly ScoredCell[]> {
  const limits = { ...SCRIPT_LIMITS, confidence: boxes.floor, iou };
  const { points } = await selectDetections(boxes, { ...limits, ...(box && { box }) });
  return points.map(({ x, y, label, score }) => ({
    x: roundedCoordinate(x),
    y: roundedCoordinate(y),
    class: label,
    score,
  }));
}

const HIGHEST = 0.95;

/**
 * Lists thresholds from the lowest stored score to 0.95.
 *
 * @param step - Distance of two thresholds.
 * @param floor - Lowest stored detection score.
 * @param given - Thresholds to include.
 * @returns Ascending, without duplicates.
 */
export function thresholdsBy(step: number, floor: number, ...given: readonly number[]): number[] {
  const count = Math.floor((HIGHEST - floor) / step + 1e-9);
  const grid = Array.from({ length: count + 1 }, (_, k) => Math.round((floor + k * step) * 1e6) / 1e6);
  return [...new Set([...grid, ...given])].sort((a, b) => a - b);
}

/** A finished run, and the cache with the boxes of its detector. */
interface SweptRun {
  readonly task: CellTask;
  /** Absolute. */
  readonly results: string;
  /** Absolute. */
  readonly data: string;
  readonly summary: Summary;
  /** Cache in the namespace of the run. */
  readonly cache: StepCache;
  readonly digests: FileDigests;
  readonly signal: AbortSignal;
}

/** Remedy if the record of a run is not found. */
export const NAME_DATA = 'Name the folder of its record with `--data DIR`.';

/** A sweep with the run that it was computed from. */
export interface RunSweep extends CellSweep {
  readonly task: CellTask;
  readonly run: string;
  /** Settings of the run, of which only the confidence threshold varies. */
  readonly settings: DetectionSettings;
  /** Confidence threshold in the authors' code. */
  readonly paper: number;
  /** Number of scored images. */
  readonly images: number;
  /** Stems of images without a prediction. */
  readonly leftOut: readonly string[];
}

/**
 * Scores a finished run at every confidence threshold, from the cached boxes of its detector.
 *
 * @param step - Distance of two thresholds.
 * @throws ReigniteError USAGE when the run has no result of the task; FILE_MISSING when the record is missing, or the
 *   cache no longer has the boxes.
 */
export async function sweepRun(run: SweptRun, step: number): Promise<RunSweep> {
  const { task, results, data, summary, signal } = run;
  const of = summary.tasks[task];
  if (of === undefined) {
    throw new ReigniteError('USAGE', `The run ${summary.run} has no result of ${TASK_TITLES[task]}.`, {
      remedy: `Name a run that has it, or run the same \`npx reignite run\` with \`--tasks ${task}\`.`,
    });
  }
  const definition = cellDefinition(task);
  const chosen = TaskSettings.parse((await readConfiguration(results))?.[task] ?? {});
  const settings = settingsInEffect(definition, chosen);
  const readers = inside(data, await readersFileIn(data, task));
  if (!(await fileExists(readers))) {
    throw new ReigniteError('FILE_MISSING', `${readers} is missing.`, { remedy: NAME_DATA });
  }
  const setup = { ...(await engineOf(results, task)), settings: chosen };
  const annotations = await readReaderAnnotations(readers, task);
  const failed = new Set(of.failures.map(({ roi }) => roi));
  const cells = new Map<string, readonly ScoredCell[]>();
  for (const roi of await listCellRois(definition, data)) {
    signal.throwIfAborted();
    if (!failed.has(roi.roi)) cells.set(roi.roi, await cellsOf(run, roi, setup, settings));
  }
  const known = { ...annotations, images: annotations.images.filter(({ stem }) => cells.has(stem)) };
  const paper = definition.settings.confidence;
  const floor = keptScore(settings.confidence);
  const thresholds = thresholdsBy(step, floor, paper, settings.confidence);
  const sweep = await sweepCells({ annotations: known, cells: (stem) => cells.get(stem) ?? [], thresholds, signal });
  const leftOut = annotations.images.map(({ stem }) => stem).filter((stem) => !cells.has(stem));
  return { task, run: summary.run, settings, paper, images: known.images.length, leftOut, ...sweep };
}

/** Selects the points of an ROI at the lowest threshold. */
async function cellsOf(
  { data, cache, digests, summary, signal }: SweptRun,
  { roi, image, box }: ListedRoi,
  setup: NetworkSetup,
  settings: DetectionSettings,
): Promise<readonly ScoredCell[]> {
  const imageSha256 = await digests.sha256(inside(data, image), signal);
  const boxes = await keptBoxes(cache, imageSha256, setup, settings);
  if (boxes === undefined) {
    throw new ReigniteError('FILE_MISSING', `The boxes of ROI ${roi} of ${summary.run} are not in this cache.`, {
      remedy:
        'Set REIGNITE_HOME to the state directory of the run, or run the same `npx reignite run` again in this one: missing images are detected again. Images that changed since the run count as missing.',
    });
  }
  return keptCells(boxes, settings.iou, box);
}

async function engineOf(results: string, task: CellTask): Promise<Omit<NetworkSetup, 'settings'>> {
  const verdict = await RESULTS.verdict.readIfThere(results, task);
  const engine = verdict === undefined ? undefined : CellsVerdictFile.parse(verdict).engine;
  if (engine !== undefined) return { model: { digest: engine.model }, engine };
  throw new ReigniteError(
    'FILE_MISSING',
    `${RESULTS.verdict.in(results, task)} does not say which network the run used.`,
    {
      remedy: 'Run the same `npx reignite run` again, then sweep.',
    },
  );
}
