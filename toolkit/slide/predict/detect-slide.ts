import { ReigniteError } from '../../errors.ts';
import { type DetectorModel, detectTiles, type TilesSoFar } from '../../yolo/detect/detect-tiles.ts';
import { fillTile } from '../../yolo/detect/image-tiles.ts';
import { type DetectionIdentity, PartialDetection } from '../../yolo/detect/partial-detection.ts';
import { Slide } from '../read/slide.ts';
import { SlideView } from '../read/slide-view.ts';
import { type CellTile, cellTiles, type TileCandidates, writeSlideBoxes } from './cell-tiles.ts';
import type { SlideCellsJob, SlideCellsProgress, SlideCellsResult } from './slide-jobs.ts';

type Detected = Pick<SlideCellsResult, 'width' | 'height' | 'size' | 'tiles' | 'tilesTotal' | 'resumed'>;

interface DetectOptions {
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'>;
  readonly onProgress?: (progress: SlideCellsProgress) => void;
}

/**
 * Detects cell candidates in overlapping tiles of a slide, or of a strip of its tile rows. Keeps all candidates with a
 * detection score above `job.floor`, so that a higher threshold can be applied later without the network, see
 * `selectSlideCells`.
 *
 * Candidates of finished tiles are saved in `job.partialDir`. After an interruption, the next call continues from there
 * with bit-identical results.
 *
 * @param identity - What the candidates depend on in addition to `job`.
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, SCALE_UNKNOWN, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the
 *   signal's reason.
 */
export async function detectSlide(
  job: Omit<SlideCellsJob, 'modelDir' | 'slideSha256'>,
  model: DetectorModel,
  identity: DetectionIdentity,
  { signal, onProgress }: DetectOptions = {},
): Promise<Detected> {
  signal?.throwIfAborted();
  const slide = await Slide.open(job.slide);
  try {
    const view = SlideView.choose(slide, job.choice, job.target);
    const { tiles: all, total } = cellTiles(view, model.size, job.tissue);
    const { first, end } = job.rows ?? { first: 0, end: Number.POSITIVE_INFINITY };
    const tiles = all.filter(({ row }) => row >= first && row < end);
    const partial = await PartialDetection.open(job.partialDir, identity);
    const estimate = estimateOnce(tiles.length, model.batch ?? 1);
    let resumed = 0;
    const detected = detectTiles(tiles, {
      ...{ model, partial, floor: job.floor, signal },
      fill: (tile, input) => fillFrom(view, tile, model.size, input),
      onBatch: (soFar) => {
        const expectedSeconds = estimate(soFar);
        onProgress?.({
          phase: 'detect',
          tile: soFar.finished,
          of: tiles.length,
          ...(expectedSeconds !== undefined && { expectedSeconds, tiles: tiles.length, tilesTotal: total }),
        });
      },
    });
    // The candidates are read from disk when all are there: those of a large slide do not fit into memory.
    for await (const { isResumed } of detected) if (isResumed) resumed++;
    onProgress?.({ phase: 'write', tile: tiles.length, of: tiles.length });
    await writeSlideBoxes(job.boxes, finished(tiles, partial));
    await partial.remove();
    const { width, height } = view;
    return { width, height, size: model.size, tiles: tiles.length, tilesTotal: total, resumed };
  } finally {
    await slide.close();
  }
}

async function* finished(tiles: readonly CellTile[], partial: PartialDetection): AsyncGenerator<TileCandidates> {
  for (const { index, left, top } of tiles) {
    const candidates = await partial.read(index);
    if (candidates !== undefined) yield { tile: index, candidates };
    else
      throw new ReigniteError(
        'INFERENCE_FAILED',
        `The saved candidates of the tile at ${left}, ${top} px are missing.`,
      );
  }
}

/** Reads a tile of a slide into the network's input. */
async function fillFrom(view: SlideView, { left, top }: CellTile, size: number, input: Float32Array): Promise<void> {
  const [width, height] = [Math.min(size, view.width), Math.min(size, view.height)];
  const data = await view.read(left, top, width, height);
  fillTile({ data, width, height }, { left: 0, top: 0 }, size, input);
}

/** Returns a function that estimates the time for the remaining tiles in s, once two batches have run, and only once. */
function estimateOnce(tiles: number, batch: number): (soFar: TilesSoFar) => number | undefined {
  let isMade = false;
  return ({ finished, computed, seconds }) => {
    if (isMade || computed < 2 * batch) return undefined;
    isMade = true;
    return (seconds / computed) * (tiles - finished);
  };
}
