import { ReigniteError } from '../../errors.ts';
import type { Candidates } from '../../yolo/detect/candidates.ts';
import { NMS_OUTCOMES, type NmsOptions, nms } from '../../yolo/detect/nms.ts';
import { isTissue } from '../tissue/tissue-mask.ts';
import { type CellTile, cellTiles, readSlideBoxes } from './cell-tiles.ts';
import type { SelectedSlideCells, SelectSlideCellsJob } from './slide-jobs.ts';

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
