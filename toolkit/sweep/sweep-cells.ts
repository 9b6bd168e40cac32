import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ReaderAnnotations } from '../dataset/readers-annotations.ts';
import { agreementOfPair } from '../metrics/agreement.ts';
import { agreementScores } from '../metrics/agreement-metrics.ts';
import { PredictedPoints } from '../metrics/match-points.ts';
import type { CellPoint } from '../metrics/points-file.ts';
import { cellDefinition } from '../tasks/registry.ts';
import type { Box } from '../tasks/work.ts';
import { scoreOf } from '../verdict/cells-uncertainty.ts';
import { roundedCoordinate } from '../yolo/detect/candidates.ts';
import type { ImageBoxes } from '../yolo/detect/detection-files.ts';
import { SCRIPT_LIMITS } from '../yolo/detect/nms.ts';
import { selectDetections } from '../yolo/detect/select-detections.ts';

/** A point and its detection score. */
export interface ScoredCell extends CellPoint {
  readonly score: number;
}

/** F1 of a reader with the AI at each threshold; null if the reader annotated none of the images. */
export interface ReaderCurve {
  readonly group: string;
  readonly reader: string;
  /** Mean over the classes. */
  readonly macro: readonly (number | null)[];
  /** F1 by class, then by threshold. */
  readonly perClass: readonly (readonly (number | null)[])[];
}

/** The AI's tumour proportion score at each threshold, in percent. For research only. */
export interface ProportionCurve {
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
