import type { FoldNetworks } from '../../nnunet/networks/ort-fold-networks.ts';
import { type PartialIdentity, PartialRoi, type RoiStep } from '../../nnunet/sliding-window/partial-roi.ts';
import type { SlideJob, SlideProgress, SlideResult } from '../../nnunet/sliding-window/roi-segmenter.ts';
import type { SegmentRoiOptions } from '../../nnunet/sliding-window/segment-roi.ts';
import { stepsBefore } from '../../nnunet/sliding-window/sliding-window-ensemble.ts';
import { passBuffers } from '../../nnunet/sliding-window/tile-input.ts';
import { Slide } from '../read/slide.ts';
import { SlideView } from '../read/slide-view.ts';
import { SlidePass } from './slide-pass.ts';
import { bandRows, confidenceFile, joinRows, labelsFile } from './slide-rows.ts';
import { firstRowReaching, type StripRows, type TiledSlide, tiledSlide } from './tiled-slide.ts';

type SlideFiles = Pick<
  SlideJob,
  'slide' | 'choice' | 'target' | 'tissue' | 'rows' | 'partialDir' | 'labels' | 'confidence'
>;
type Segmented = Pick<SlideResult, 'width' | 'height' | 'tiles' | 'tilesTotal' | 'resumedFrom' | 'notes'>;
type SlideOptions = Pick<SegmentRoiOptions, 'signal'> & { readonly onProgress?: (progress: SlideProgress) => void };

/**
 * Segments a slide, or a strip of its tile rows. Sums are computed in the same order as in `segmentRoi`, so the labels are
 * bit-identical to those of one large image. Pixels are read on demand, and memory is bounded by the width of the slide.
 *
 * Every tile row and fold is saved in `job.partialDir`. After an interruption, the next call continues from there with
 * bit-identical results.
 *
 * @param identity - What the numbers depend on in addition to `job`.
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, SCALE_UNKNOWN, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the
 *   signal's reason.
 */
export async function segmentSlide(
  job: SlideFiles,
  networks: FoldNetworks,
  identity: PartialIdentity,
  { signal, onProgress }: SlideOptions = {},
): Promise<Segmented> {
  signal?.throwIfAborted();
  const slide = await Slide.open(job.slide);
  try {
    const tiled = await tiledSlide(SlideView.choose(slide, job.choice, job.target), networks, job.tissue);
    const rows = job.rows ?? { first: 0, end: tiled.grid.rows.length };
    const partial = PartialRoi.open(job.partialDir, identity);
    const resumedFrom = partial.next;
    await predict(tiled, networks, partial, rows, { ...(signal && { signal }), ...(onProgress && { onProgress }) });
    await networks.releaseLargeNetworks();
    await partial.reading(() => join(job, tiled, rows, partial));
    partial.remove();
    const isResumed = resumedFrom.row > 0 || resumedFrom.fold > 0;
    return {
      ...tiled.whole,
      tiles: countTiles(tiled, rows),
      tilesTotal: tiled.grid.rows.length * tiled.grid.columns.length,
      ...(isResumed && { resumedFrom }),
      notes: [],
    };
  } finally {
    await slide.close();
  }
}

async function predict(
  tiled: TiledSlide,
  networks: FoldNetworks,
  partial: PartialRoi,
  rows: StripRows,
  { signal, onProgress }: SlideOptions,
): Promise<void> {
  const said = progressOf(tiled, networks, rows, partial.next, 0);
  const left = said.of - said.tile;
  if (onProgress !== undefined && left > 0) {
    const expectedSeconds = left * (await secondsPerPass(networks));
    signal?.throwIfAborted();
    const tilesTotal = tiled.grid.rows.length * tiled.grid.columns.length;
    onProgress({ ...said, expectedSeconds, tiles: countTiles(tiled, rows), tilesTotal });
  }
  const pass = new SlidePass(tiled, networks, partial, rows, (step, index) => {
    signal?.throwIfAborted();
    onProgress?.(progressOf(tiled, networks, rows, step, index));
  });
  await pass.run();
}

/** Measures how long one network takes for one tile, in s. Times the second of two passes, since the first one warms up. */
async function secondsPerPass(networks: FoldNetworks): Promise<number> {
  const { input, output } = passBuffers(networks);
  await networks.run(0, input, output);
  const start = performance.now();
  await networks.run(0, input, output);
  return (performance.now() - start) / 1000;
}

async function join(job: SlideFiles, tiled: TiledSlide, rows: StripRows, partial: PartialRoi): Promise<void> {
  const parts = Array.from({ length: rows.end - rows.first }, (_, index) => {
    const row = rows.first + index;
    const { first, end } = bandRows(tiled, row);
    return { row, count: end - first };
  });
  await joinRows(
    job.labels,
    parts.map(({ row, count }) => ({ count, path: partial.pathOf(labelsFile(row)) })),
  );
  await joinRows(
    job.confidence,
    parts.map(({ row, count }) => ({ count, path: partial.pathOf(confidenceFile(row)) })),
  );
}

function progressOf(
  tiled: TiledSlide,
  { folds }: FoldNetworks,
  strip: StripRows,
  step: RoiStep,
  done: number,
): SlideProgress {
  const start = firstRowReaching(tiled.grid, strip.first);
  const rows = strip.end - start;
  let before = 0;
  for (const { row } of stepsBefore(step, rows, folds)) before += tiled.tiles[start + row]?.length ?? 0;
  const of = countTiles(tiled, strip) * folds;
  return {
    phase: 'predict',
    tile: before + done,
    of,
    row: start + step.row,
    rows: tiled.grid.rows.length,
    fold: step.fold,
  };
}

/** Counts the tiles that a strip computes, including those above it that reach into it. */
function countTiles({ grid, tiles }: TiledSlide, { first, end }: StripRows): number {
  return tiles.slice(firstRowReaching(grid, first), end).reduce((count, columns) => count + columns.length, 0);
}
