import { encodeGrey16FromFiles, encodeLabelsFromFiles } from '../../image/encode-png.ts';
import type { FoldNetworks } from '../networks/ort-fold-networks.ts';
import { confidencesFile, labelsFile } from './decide-row.ts';
import { type PartialIdentity, PartialRoi, type RoiStep } from './partial-roi.ts';
import type { RoiJob, RoiProgress, SegmentResult } from './roi-segmenter.ts';
import { SlidingWindowEnsemble, stepsBefore } from './sliding-window-ensemble.ts';
import { type DecodeImage, readTiledRoi, type TiledRoi } from './tiled-roi.ts';

export interface SegmentRoiOptions {
  /** Checked before each tile. A tile in progress is finished, and the partial result stays on disk. */
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'>;
  readonly onProgress?: (progress: RoiProgress) => void;
  /** Minimum time between commits, ms. Default: every step is committed. */
  readonly commitMs?: number;
  /** Decodes the image as the networks need it. */
  readonly decode?: DecodeImage;
}

/** Predicts the remaining tiles of an image. */
export interface ImagePass {
  /** Computes and commits all remaining steps. */
  run(): Promise<void>;
}

/**
 * Called before tiles are awaited.
 *
 * @param done - Passes of the networks that are done: tiles times folds.
 */
export type BeforeTile = (step: RoiStep, done: number) => void;

export type PassOver = (roi: TiledRoi, partial: PartialRoi, beforeTile: BeforeTile) => ImagePass;

/** Properties of the networks that do not depend on how tiles are predicted. */
export type ImageNetworks = Pick<FoldNetworks, 'patch' | 'method' | 'folds' | 'releaseLargeNetworks'>;

type RoiFiles = Pick<RoiJob, 'image' | 'truth' | 'partialDir' | 'mask' | 'confidence' | 'scope' | 'rounding'>;
type Segmented = Pick<SegmentResult, 'width' | 'height' | 'tiles' | 'tilesTotal' | 'resumedFrom' | 'notes'>;

/**
 * Segments one ROI as nnU-Net does: sliding window, Gaussian blending per fold, mean of the folds, decision. In v1,
 * softmax is blended and averaged, in v2 logits; all in float32, whereas v2 itself sums in half precision.
 *
 * Predicts one group of tile rows at a time; within a group fold by fold, then row by row and tile by tile (stepAfter in
 * sliding-window-ensemble.ts). Each step, one tile row with one fold, is committed to `job.partialDir`. The next call
 * resumes after it with bit-identical results. `mask` and `confidence` are written at the end.
 *
 * @param identity - Everything that the result depends on. A partial result with another identity is discarded.
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, SIZE_MISMATCH, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE;
 *   the signal's reason.
 */
export function segmentRoi(
  job: RoiFiles,
  networks: FoldNetworks,
  identity: PartialIdentity,
  options: SegmentRoiOptions = {},
): Promise<Segmented> {
  return segmentWith(job, networks, exactPass(networks), identity, options);
}

/** Like {@link segmentRoi}, with another way to predict tiles and to add them up. */
export async function segmentWith(
  job: RoiFiles,
  networks: ImageNetworks,
  passOver: PassOver,
  identity: PartialIdentity,
  { signal, onProgress, commitMs = 0, decode }: SegmentRoiOptions = {},
): Promise<Segmented> {
  signal?.throwIfAborted();
  const { roi, notes } = await readTiledRoi(job, networks, decode);
  const partial = PartialRoi.open(job.partialDir, identity, commitMs);
  const resumedFrom = partial.next;
  const pass = passOver(roi, partial, (step, done) => {
    signal?.throwIfAborted();
    onProgress?.(progressOf('predict', roi, networks, step, done));
  });
  await pass.run();
  partial.flush();
  // Frees the networks' memory before the masks need theirs.
  await networks.releaseLargeNetworks();
  onProgress?.(progressOf('encode', roi, networks, partial.next, countTiles(roi.tiles) * networks.folds));
  await partial.reading(() => encode(job, roi, partial));
  partial.remove();
  const isResumed = resumedFrom.row > 0 || resumedFrom.fold > 0;
  return {
    ...roi.whole,
    tiles: countTiles(roi.tiles),
    tilesTotal: roi.grid.rows.length * roi.grid.columns.length,
    ...(isResumed && { resumedFrom }),
    notes,
  };
}

/** Adds up tiles in the same order as nnU-Net. */
export function exactPass(networks: FoldNetworks): PassOver {
  return (roi, partial, beforeTile) =>
    new SlidingWindowEnsemble(roi, networks, partial, (step, index) =>
      beforeTile(step, passesBefore(roi, networks, step) + index),
    );
}

function passesBefore({ grid, tiles }: TiledRoi, { folds }: ImageNetworks, { row, fold }: RoiStep): number {
  let before = 0;
  for (const step of stepsBefore({ row, fold }, grid.rows.length, folds)) before += tiles[step.row]?.length ?? 0;
  return before;
}

/** Up to this number of pixels, both files are encoded at the same time. For larger images, that would take too much memory. */
const TOGETHER = 2 ** 25;

/** Waits for both even if one fails, so that neither is still writing after an error. */
async function bothOf(one: Promise<void>, other: Promise<void>): Promise<void> {
  const [first, second] = await Promise.allSettled([one, other]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
}

async function encode({ mask, confidence }: RoiFiles, { grid, whole }: TiledRoi, partial: PartialRoi): Promise<void> {
  const rows = grid.rows.map((_, row) => row);
  const encodeMask = () =>
    encodeLabelsFromFiles(mask, { ...whole, parts: rows.map((row) => partial.pathOf(labelsFile(row))) });
  const encodeConfidence = () =>
    encodeGrey16FromFiles(confidence, { ...whole, parts: rows.map((row) => partial.pathOf(confidencesFile(row))) });
  if (whole.width * whole.height <= TOGETHER) await bothOf(encodeMask(), encodeConfidence());
  else {
    await encodeMask();
    await encodeConfidence();
  }
}

function progressOf(
  phase: RoiProgress['phase'],
  { grid, tiles }: TiledRoi,
  { folds }: ImageNetworks,
  { row, fold }: RoiStep,
  done: number,
): RoiProgress {
  return { phase, tile: done, of: countTiles(tiles) * folds, row, rows: grid.rows.length, fold };
}

function countTiles(tiles: TiledRoi['tiles']): number {
  return tiles.reduce((count, columns) => count + columns.length, 0);
}
