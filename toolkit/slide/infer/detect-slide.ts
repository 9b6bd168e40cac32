import { ReigniteError } from '../../errors.ts';
import type { Candidates } from '../../yolo/detect/candidates.ts';
import type {
  SelectedSlideCells,
  SelectSlideCellsJob,
  SlideCellsJob,
  SlideCellsProgress,
  SlideCellsResult,
} from '../../yolo/detect/cell-detector.ts';
import { type DetectorModel, detectTiles, type TilesSoFar } from '../../yolo/detect/detect-tiles.ts';
import { type DetectionIdentity, PartialDetection } from '../../yolo/detect/detection-files.ts';
import { fillTile } from '../../yolo/detect/image-views.ts';
import { NMS_OUTCOMES, type NmsOptions, nms } from '../../yolo/detect/nms.ts';
import { Slide } from '../read/slide.ts';
import { SlideView } from '../read/slide-view.ts';
import { isTissue } from '../slide-tissue.ts';
import { type CellTile, cellTiles, readSlideBoxes, type TileCandidates, writeSlideBoxes } from './cell-tiles.ts';

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
        { remedy: 'Run the same command again; missing tiles are predicted again.' },
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

/** The most cells that `nms` can order at once. */
const MAX_CELLS = 2 ** 22 - 1;

/**
 * Selects the cells of a slide from its candidates. Runs non-maximum suppression in every tile as the authors' scripts do,
 * then across all tiles, so that a cell at a seam is counted once, with its better box. Cells outside the tissue are
 * dropped. Needs no network: trying another threshold takes seconds.
 *
 * @throws ReigniteError INFERENCE_FAILED for more cells than can be compared; INTERNAL for a damaged file; the signal's
 *   reason, between tiles.
 */
export async function selectSlideCells(
  job: SelectSlideCellsJob,
  { signal }: { readonly signal?: Pick<AbortSignal, 'throwIfAborted'> } = {},
): Promise<SelectedSlideCells> {
  const tiles = new Map(cellTiles(job, job.size, job.tissue).tiles.map((tile) => [tile.index, tile]));
  const found: Candidates[] = [];
  for await (const { tile: index, candidates } of readSlideBoxes(job.boxes)) {
    signal?.throwIfAborted();
    const tile = tiles.get(index);
    if (tile === undefined)
      throw new ReigniteError('INTERNAL', `${job.boxes} has a tile ${index}, which the slide does not have.`);
    found.push(keptOf(candidates, tile, job));
  }
  signal?.throwIfAborted();
  const merged = onceEach(found, job);
  const inside = job.tissue === undefined ? merged : merged.filter((cell) => isInTissue(cell, job));
  return { cells: Float32Array.from(inside.flat()), outside: merged.length - inside.length };
}

type CellRow = readonly [x1: number, y1: number, x2: number, y2: number, score: number, label: number];

function isInTissue([x1, y1, x2, y2]: CellRow, { tissue }: Pick<SelectSlideCellsJob, 'tissue'>): boolean {
  return tissue !== undefined && isTissue(tissue, (x1 + x2) / 2, (y1 + y2) / 2);
}

/** Returns the candidates in the core of a tile that suppression within the tile kept, best first, in px of the slide. */
function keptOf(candidates: Candidates, { left, top, core }: CellTile, options: NmsOptions): Candidates {
  const { order, outcomes } = nms(candidates, options);
  const rows: number[] = [];
  for (const index of order) {
    if (outcomes[index] !== NMS_OUTCOMES.kept) continue;
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = candidates.corners.subarray(4 * index, 4 * index + 4);
    const [x, y] = [(x1 + x2) / 2 + left, (y1 + y2) / 2 + top];
    if (x >= core.left && x < core.right && y >= core.top && y < core.bottom) rows.push(index);
  }
  return {
    count: rows.length,
    corners: Float32Array.from(
      rows.flatMap((index) =>
        [0, 1, 2, 3].map((at) => (candidates.corners[4 * index + at] ?? 0) + (at % 2 === 0 ? left : top)),
      ),
    ),
    scores: Float32Array.from(rows, (index) => candidates.scores[index] ?? 0),
    classes: Uint16Array.from(rows, (index) => candidates.classes[index] ?? 0),
  };
}

/** Merges the cells of all tiles with non-maximum suppression, best first. */
function onceEach(tiles: readonly Candidates[], { confidence, iou }: NmsOptions): CellRow[] {
  const count = tiles.reduce((sum, tile) => sum + tile.count, 0);
  if (count > MAX_CELLS) {
    throw new ReigniteError(
      'INFERENCE_FAILED',
      `${count} cells were found on the slide; at most ${MAX_CELLS} are supported.`,
      {
        remedy:
          'Check the pixel size (`--mpp`) and the stain; if they are right, export regions of the slide and predict these.',
        retryable: false,
      },
    );
  }
  const all = {
    count,
    corners: joined(
      tiles.map(({ corners }) => corners),
      new Float32Array(4 * count),
    ),
    scores: joined(
      tiles.map(({ scores }) => scores),
      new Float32Array(count),
    ),
    classes: joined(
      tiles.map(({ classes }) => classes),
      new Uint16Array(count),
    ),
  };
  const limits = { maxCandidates: MAX_CELLS, maxKept: MAX_CELLS };
  const { order, outcomes } = nms(all, { confidence, iou, ...limits });
  const cells: CellRow[] = [];
  for (const index of order) {
    if (outcomes[index] !== NMS_OUTCOMES.kept) continue;
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = all.corners.subarray(4 * index, 4 * index + 4);
    cells.push([x1, y1, x2, y2, all.scores[index] ?? 0, all.classes[index] ?? 0]);
  }
  return cells;
}

function joined<Values extends Float32Array | Uint16Array>(parts: readonly Values[], into: Values): Values {
  let at = 0;
  for (const part of parts) {
    into.set(part, at);
    at += part.length;
  }
  return into;
}
