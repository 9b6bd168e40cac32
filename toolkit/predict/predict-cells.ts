import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CellTask } from '../../config/tasks.ts';
import { type CacheEntry, cacheKey, type KeyParts } from '../cache/step-cache.ts';
import { drawCellsOverlay } from '../figures/prediction-overlay.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { type Classification, writeFeatures } from '../geojson/feature-file.ts';
import type { CellModel } from '../models/cell-model.ts';
import { readNpy, writeNpy } from '../numpy/npy.ts';
import type { SessionOptions } from '../onnx/session.ts';
import { readCandidatesFile } from '../yolov5/candidates-file.ts';
import type { CellDetector, DetectionProgress, DetectorEngine } from '../yolov5/cell-detector.ts';
import { TASK_LIMITS, TASK_SETTINGS } from '../yolov5/task-settings.ts';
import { asSentence } from './as-sentence.ts';
import { cellFeatures, cellsTable, countCells, type FoundCell, foundCells } from './found-cell.ts';
import { type InferenceFacts, readFacts } from './inference-facts.ts';
import { readInput } from './input-image.ts';
import { type NetworkImage, networkImage } from './network-image.ts';
import type { PredictOptions, PredictServices } from './predict-tissue.ts';
import { cellFiles, type ImagePrediction, type PredictionChoices } from './prediction.ts';

/** Raised whenever the same image and model would give other cells. */
const SCHEMA = 1;
const POINTS = 'points.npy';
const CANDIDATES = 'candidates.json';

export interface CellsJob {
  readonly task: CellTask;
  /** Absolute path of the image. */
  readonly image: string;
  /** Name of its files. */
  readonly name: string;
  /** Absolute folder of the prediction. */
  readonly out: string;
  readonly model: CellModel;
  /** By number. */
  readonly classes: readonly Classification[];
  readonly engine: Pick<DetectorEngine, 'provider' | 'ortVersion'>;
  readonly session: SessionOptions;
  readonly choices: PredictionChoices;
}

/**
 * Detects the cells of an image of the user's: points as .npy, CSV and GeoJSON, candidates, overlay, counts.
 *
 * Tiles, confidence and suppression are those of the paper's task. Safe to kill anywhere.
 *
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function predictCells(
  job: CellsJob,
  detector: CellDetector,
  { home, cache }: PredictServices,
  { signal, onProgress }: PredictOptions<DetectionProgress> = {},
): Promise<ImagePrediction> {
  const input = await readInput(job.image);
  const seen = await networkImage(input, job.choices, signal);
  const parts = keyOf(job, seen);
  const known = await cache.find(cacheKey(parts));
  const entry = known ?? (await detect(job, seen, parts, detector, { home, cache }, { signal, onProgress }));
  signal?.throwIfAborted();
  onProgress?.({ phase: 'draw' });
  const facts = readFacts(entry);
  const cells = await readCells(cache.pathOf(entry.key, CANDIDATES), cache.pathOf(entry.key, POINTS), seen.original);
  const files = cellFiles(job.name);
  await cache.restore(entry.key, CANDIDATES, join(job.out, files.candidates));
  await writeOutputs(job, seen, cells, files);
  const { mpp } = job.choices;
  const mm2 = mpp === undefined ? undefined : (input.width * input.height * mpp * mpp) / 1e6;
  return {
    image: job.image,
    name: job.name,
    width: input.width,
    height: input.height,
    ...seen.said,
    cells: cells.length,
    counts: countCells(cells, job.classes, mm2),
    files,
    cached: known !== undefined,
    provider: facts.provider,
    seconds: known === undefined ? facts.seconds : 0,
    notes: [...input.notes, ...facts.notes.map(asSentence), ...seen.notes],
  };
}

function keyOf({ task, model, engine }: CellsJob, { sha256, size, isResampled }: NetworkImage): KeyParts {
  const { tile, confidence, iou } = TASK_SETTINGS[task];
  return {
    step: 'predict-cells',
    schema: SCHEMA,
    image: sha256,
    size: isResampled ? `${size.width} x ${size.height}` : 'own',
    tile,
    confidence,
    iou,
    model: model.digest,
    provider: engine.provider,
    ortVersion: engine.ortVersion,
    precision: 'float32',
  };
}

async function detect(
  { task, model, session }: CellsJob,
  seen: NetworkImage,
  parts: KeyParts,
  detector: CellDetector,
  { home, cache }: PredictServices,
  {
    signal,
    onProgress,
  }: { signal: AbortSignal | undefined; onProgress: PredictOptions<DetectionProgress>['onProgress'] },
): Promise<CacheEntry> {
  const work = join(home.work, cacheKey(parts));
  await mkdir(work, { recursive: true });
  const { confidence, iou } = TASK_SETTINGS[task];
  const points = join(work, POINTS);
  const candidates = join(work, CANDIDATES);
  const result = await detector.detect(
    {
      ...TASK_LIMITS,
      ...session,
      confidence,
      iou,
      points,
      candidates,
      image: await seen.write(work),
      modelDir: model.modelDir,
      partialDir: join(work, 'partial'),
    },
    { ...(signal && { signal }), ...(onProgress && { onProgress }) },
  );
  const facts: InferenceFacts = { provider: result.provider, seconds: result.seconds, notes: [...result.notes] };
  const files = { [CANDIDATES]: candidates, ...(existsSync(points) ? { [POINTS]: points } : {}) };
  const entry = await cache.store(parts, files, facts);
  await rm(work, { recursive: true, force: true });
  return entry;
}

async function readCells(
  candidates: string,
  points: string,
  original: { readonly width: number; readonly height: number },
): Promise<FoundCell[]> {
  const file = await readCandidatesFile(candidates);
  if (!existsSync(points)) return [];
  const { data } = await readNpy(points);
  return foundCells(file, Array.from(data, Number), original);
}

async function writeOutputs(
  { image, out, classes, choices }: CellsJob,
  { original }: NetworkImage,
  cells: readonly FoundCell[],
  files: ReturnType<typeof cellFiles>,
): Promise<void> {
  const path = (file: string) => join(out, file);
  await writeFileAtomic(path(files.table), cellsTable(cells, classes));
  const frame = { ...original, ...(choices.mpp !== undefined && { mpp: choices.mpp }) };
  await writeFeatures(path(files.geojson), frame, cellFeatures(cells, classes));
  await drawCellsOverlay(image, original, cells, classes, path(files.overlay));
  // As in the record: x, y and class of every cell; no file where there is none.
  if (cells.length === 0) return rm(path(files.points), { force: true });
  const data = Float32Array.from(cells.flatMap(({ x, y, class: of }) => [x, y, of]));
  await writeNpy(path(files.points), { dtype: 'float32', shape: [cells.length, 3], data });
}
