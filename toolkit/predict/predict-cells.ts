import { join } from 'node:path';
import type { z } from 'zod';
import type { CellTask } from '../../config/tasks.ts';
import type { CacheEntry, KeyParts } from '../cache/step-cache.ts';
import { drawCellsOverlay, type Legend, type LegendEntry } from '../figures/prediction-overlay.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { type Classification, writeFeatures } from '../geojson/write-features.ts';
import type { DecodedImage } from '../image/accepted-image.ts';
import { areAsStored } from '../image/image-header.ts';
import type { CellModel } from '../models/cell-model.ts';
import { writeNpy } from '../numpy.ts';
import type { RanEngine } from '../onnx/session/engine-choice.ts';
import type { SessionOptions } from '../onnx/session/session.ts';
import { BOXES, SeenFacts } from '../tasks/cells/cells.ts';
import { roundedCoordinate } from '../yolo/detect/candidates.ts';
import type { CellDetector, DetectionProgress } from '../yolo/detect/cell-detector.ts';
import { type CandidatesFile, encodeCandidates, keptScore, readBoxes } from '../yolo/detect/detection-files.ts';
import type { Suppression } from '../yolo/detect/nms.ts';
import { type SelectedDetections, selectDetections } from '../yolo/detect/select-detections.ts';
import {
  type DetectionPlan,
  fullTileNotes,
  type ImageDetection,
  iouOf,
  limitCautions,
  limitsOf,
} from './detection-plan.ts';
import { type CellsOfImage, cellFeatures, cellsOfImage, cellsTable, countCells, outsideNote } from './found-cell.ts';
import { describeInferred, factsOf, InferenceFacts, inferOnce } from './infer-once.ts';
import { InputImage, type NetworkImage, networkImage } from './input-image.ts';
import {
  type ClassCount,
  cellFiles,
  type ImagePrediction,
  type PredictionChoices,
  type PredictOptions,
  type PredictServices,
} from './prediction.ts';
import {
  cellCertainty,
  cellCertaintyNotes,
  densityCautions,
  modelCautions,
  scaleCautions,
  stainCautions,
} from './reliability.ts';
import type { DrawnRegions } from './slides/slide-regions.ts';

/** Raised whenever a change gives other cells for the same image and model. */
const SCHEMA = 3;

const BoxFacts = InferenceFacts.extend({ seen: SeenFacts });
type BoxFacts = z.infer<typeof BoxFacts>;

export interface CellsJob {
  readonly task: CellTask;
  /** Absolute path of the image. */
  readonly image: string;
  /** Base name of its output files. */
  readonly name: string;
  /** Absolute path of the output folder. */
  readonly out: string;
  readonly model: CellModel;
  /** By class number. */
  readonly classes: readonly Classification[];
  readonly engine: RanEngine;
  readonly session: SessionOptions;
  readonly choices: PredictionChoices;
  readonly plan: DetectionPlan;
  readonly detection: ImageDetection;
  /** Slides only: regions in which cells are also counted. */
  readonly drawn?: DrawnRegions;
}

/**
 * Detects the cells of a user's image. Writes points (.npy, CSV, GeoJSON), candidates and an overlay.
 *
 * Can be interrupted at any time and resumes on the next call. The boxes of the network are cached, so another confidence
 * or IoU threshold does not run the network again.
 *
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function predictCells(
  job: CellsJob,
  detector: CellDetector,
  services: PredictServices,
  options: PredictOptions<DetectionProgress> = {},
): Promise<ImagePrediction> {
  const input = await InputImage.open(job.image, job.choices.maxValue, job.model.channels);
  const seen = await networkImage(input, job.choices, options.signal);
  const inferred = await inferOnce({ parts: keyOf(job, seen), engine: job.engine }, services, options, (work) =>
    detect(job, seen, detector, work, options),
  );
  options.signal?.throwIfAborted();
  options.onProgress?.({ phase: 'draw' });
  const found = await chooseCells(job, services, inferred.entry, seen.original);
  const { cells, outside } = found;
  const files = cellFiles(job.name);
  const pixels = await input.decode();
  const { mpp } = job.choices;
  const cautions = [
    ...modelCautions(job.model),
    ...(job.plan.isOfTask && !areAsStored(job.model.channels) ? stainCautions(job.task, pixels) : []),
    ...densityCautions(cells.length, input.width * input.height, mpp),
    ...limitCautions(found.candidates.candidates),
    ...(job.plan.isOfTask ? scaleCautions(mpp) : []),
    ...pixels.remarks,
  ];
  const mm2 = mpp === undefined ? undefined : (input.width * input.height * mpp * mpp) / 1e6;
  const counts = countCells(cells, job.classes, mm2);
  await writeOutputs(job, seen, pixels, found, { entries: legendOf(counts, job.classes), cautions }, files);
  const certainty = cellCertainty(cells, found.candidates);
  const notes = [
    ...cellCertaintyNotes(certainty, found.candidates),
    ...outsideNote(outside),
    ...job.model.notes,
    ...job.plan.notes(job.model),
    ...detectionNotes(job, found),
  ];
  return {
    ...describeInferred(job, input, seen, inferred, { cautions, notes }),
    cells: cells.length,
    outside,
    ...certainty,
    counts,
    files,
  };
}

/** Returns the cache key. Thresholds are not part of it, because boxes are cached and points are selected on every call. */
function keyOf({ model, detection: { size, confidence, view } }: CellsJob, { sha256, change }: NetworkImage): KeyParts {
  return {
    step: 'predict-cells',
    schema: SCHEMA,
    image: sha256,
    size: change,
    tile: Math.max(size.height, size.width),
    floor: keptScore(confidence),
    model: model.digest,
    ...(view && { view: JSON.stringify(view) }),
  };
}

/** Returns no suppression for a network that already outputs one box per object. */
function suppressionOf({ isSuppressed }: CellModel, suppression: Suppression): Suppression {
  return isSuppressed ? 'none' : suppression;
}

async function detect(
  { model, session, detection: { confidence, view } }: CellsJob,
  seen: NetworkImage,
  detector: CellDetector,
  work: string,
  { signal, onProgress }: PredictOptions<DetectionProgress>,
): Promise<{ files: Record<string, string>; facts: BoxFacts; ran: RanEngine }> {
  const boxes = join(work, BOXES);
  const ran = await detector.detect(
    {
      ...session,
      ...(view && { view }),
      floor: keptScore(confidence),
      boxes,
      image: await seen.write(work),
      modelDir: model.modelDir,
      partialDir: join(work, 'partial'),
    },
    { ...(signal && { signal }), ...(onProgress && { onProgress }) },
  );
  return { files: { [BOXES]: boxes }, facts: { ...factsOf(ran), seen: SeenFacts.parse(ran.seen) }, ran };
}

/** Lists the classes that were found, with their counts. */
export function legendOf(counts: readonly ClassCount[], classes: readonly Classification[]): LegendEntry[] {
  return counts.flatMap(({ value, name, count, perMm2 }) => {
    const color = classes[value]?.color;
    const density = perMm2 === undefined ? '' : `, ${perMm2.toFixed(0)} per mm²`;
    return color === undefined || count === 0 ? [] : [{ color, text: `${name} ${count}${density}` }];
  });
}

/** Selects the points among the boxes of the network. */
async function chooseCells(
  { model, detection }: CellsJob,
  { cache }: PredictServices,
  { key, facts }: CacheEntry,
  original: { readonly width: number; readonly height: number },
): Promise<CellsOfImage & Pick<SelectedDetections, 'cutOff'>> {
  const { confidence, recorded } = detection;
  const boxes = await readBoxes(cache.pathOf(key, BOXES), BoxFacts.parse(facts).seen);
  const { points, file, cutOff } = await selectDetections(boxes, {
    ...limitsOf(detection),
    confidence,
    iou: iouOf(model, detection),
    suppression: suppressionOf(model, detection.suppression),
    ...(recorded !== undefined && { recorded }),
  });
  const places = points.flatMap(({ x, y, label }) => [roundedCoordinate(x), roundedCoordinate(y), label]);
  return { ...cellsOfImage(file, places, original), ...(cutOff !== undefined && { cutOff }) };
}

async function writeOutputs(
  { out, classes, choices }: CellsJob,
  { original }: NetworkImage,
  pixels: DecodedImage,
  { cells, candidates }: CellsOfImage,
  legend: Legend,
  files: ReturnType<typeof cellFiles>,
): Promise<void> {
  const path = (file: string) => join(out, file);
  await writeFileAtomic(path(files.candidates), encodeCandidates(candidates));
  await writeFileAtomic(path(files.table), cellsTable(cells, classes));
  const { mpp } = choices;
  const frame = { ...original, ...(mpp !== undefined && { mpp }) };
  await writeFeatures(path(files.geojson), frame, cellFeatures(cells, classes, mpp));
  await drawCellsOverlay(pixels, cells, classes, legend, path(files.overlay));
  // x, y and class of every cell, as in the record; but of an image without cells an empty array, which summary.json names.
  const data = Float32Array.from(cells.flatMap(({ x, y, class: of }) => [x, y, of]));
  await writeNpy(path(files.points), { dtype: 'float32', shape: [cells.length, 3], data });
}

/** The most boxes per image that Ultralytics keeps by default. */
const MAX_YOLO_BOXES = 300;

interface FoundCells {
  readonly candidates: Pick<CandidatesFile, 'candidates'>;
  /** Number of points whose box ends at the border of its tile, with overlapping tiles. */
  readonly cutOff?: number;
}

/** Lists what users should know about the numbers of a detector that is not run as in the paper, one sentence each. */
function detectionNotes(
  { model, detection: { view } }: { readonly model: CellModel; readonly detection: ImageDetection },
  { candidates: { candidates }, cutOff = 0 }: FoundCells,
): readonly string[] {
  if (view === undefined) return [];
  // The limit of `yolo predict` applies to all boxes that it keeps, including those in the padding.
  const kept = candidates.filter(({ outcome }) => outcome === 'point' || outcome === 'outside').length;
  return [
    ...numberedNote(model.classes),
    ...(cutOff > 0 && view.kind === 'tiles' ? [cutOffNote(cutOff, view.overlap)] : []),
    ...(view.kind === 'letterbox' && kept > MAX_YOLO_BOXES
      ? [
          `yolo predict keeps the best ${MAX_YOLO_BOXES} boxes of an image unless max_det says otherwise; here all boxes are kept.`,
        ]
      : []),
    ...(model.isSuppressed && model.rows !== undefined ? fullTileNotes(candidates, model.rows) : []),
  ];
}

function numberedNote(classes: readonly string[]): readonly string[] {
  if (!classes.every((name, index) => name === `class${index}` || name === String(index))) return [];
  return ['The model does not name its classes: they are numbered.'];
}

function cutOffNote(cutOff: number, overlap: number): string {
  const boxes = cutOff === 1 ? '1 box ends' : `${cutOff} boxes end`;
  return `${boxes} at the border of a tile: such objects are larger than the overlap of ${overlap} px and may be cut or counted twice; --overlap makes it larger.`;
}
