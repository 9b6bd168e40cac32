import { ReigniteError } from '../../errors.ts';
import { BOX_COLUMNS } from '../../yolo/convert/modules/detect.ts';
import { areFinite, type Candidates, readCandidates } from '../../yolo/detect/candidates.ts';
import type { DetectorModel } from '../../yolo/detect/detect-image.ts';
import { fillTile } from '../../yolo/detect/image-tiles.ts';
import { NMS_OUTCOMES, type NmsOptions, nms } from '../../yolo/detect/nms.ts';
import { type DetectionIdentity, PartialDetection } from '../../yolo/detect/partial-detection.ts';
import { Slide } from '../read/slide.ts';
import { SlideView } from '../read/slide-view.ts';
import { isTissue } from '../tissue/slide-tissue.ts';
import { type CellTile, cellTiles } from './cell-tiles.ts';
import { readSlideBoxes, type TileCandidates, writeSlideBoxes } from './slide-boxes-file.ts';
import type {
  SelectedSlideCells,
  SelectSlideCellsJob,
  SlideCellsJob,
  SlideCellsProgress,
  SlideCellsResult,
} from './slide-jobs.ts';

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
    const detector = new TileDetector(view, model, partial, job.floor);
    for (const [done, tile] of tiles.entries()) {
      signal?.throwIfAborted();
      const expected = detector.expected(tiles.length - done);
      onProgress?.({
        phase: 'detect',
        tile: done,
        of: tiles.length,
        ...(expected && { ...expected, tiles: tiles.length, tilesTotal: total }),
      });
      await detector.detect(tile);
    }
    onProgress?.({ phase: 'write', tile: tiles.length, of: tiles.length });
    await writeSlideBoxes(job.boxes, finished(tiles, partial));
    await partial.remove();
    const { width, height } = view;
    return { width, height, size: model.size, tiles: tiles.length, tilesTotal: total, resumed: detector.resumed };
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

/** Detects cells in one tile at a time. */
class TileDetector {
  readonly #view: SlideView;
  readonly #model: DetectorModel;
  readonly #partial: PartialDetection;
  readonly #floor: number;
  readonly #input: Float32Array;
  readonly #head: Float32Array;
  #seconds = 0;
  #runs = 0;
  /** Tiles whose candidates were already on disk. */
  resumed = 0;

  constructor(view: SlideView, model: DetectorModel, partial: PartialDetection, floor: number) {
    this.#view = view;
    this.#model = model;
    this.#partial = partial;
    this.#floor = floor;
    this.#input = new Float32Array(3 * model.size * model.size);
    this.#head = new Float32Array(model.rows * (BOX_COLUMNS + model.classes.length));
  }

  /** Estimates the time for the remaining tiles in s, once two tiles have run. Returns undefined on all other calls. */
  expected(left: number): { readonly expectedSeconds: number } | undefined {
    if (this.#runs !== 2 || this.#seconds < 0) return undefined;
    const expectedSeconds = (this.#seconds / 2) * left;
    this.#seconds = -1;
    return { expectedSeconds };
  }

  /** Detects the candidates of a tile, in px of the tile, unless they are already on disk. */
  async detect(tile: CellTile): Promise<void> {
    if ((await this.#partial.read(tile.index)) !== undefined) {
      this.resumed++;
      return;
    }
    const start = performance.now();
    const { size } = this.#model;
    const [width, height] = [Math.min(size, this.#view.width), Math.min(size, this.#view.height)];
    const data = await this.#view.read(tile.left, tile.top, width, height);
    fillTile({ data, width, height }, { left: 0, top: 0 }, size, this.#input);
    await this.#model.run(this.#input, this.#head);
    const candidates = readCandidates(this.#head, this.#model.classes.length, this.#floor);
    if (!areFinite(candidates)) {
      const where = `the tile at ${tile.left}, ${tile.top} px`;
      throw new ReigniteError('INFERENCE_FAILED', `The network gave boxes that are not finite for ${where}.`);
    }
    await this.#partial.write(tile.index, candidates);
    this.#runs++;
    if (this.#seconds >= 0) this.#seconds += (performance.now() - start) / 1000;
  }
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
