import { ReigniteError } from '../../errors.ts';
import { writeNpy } from '../../numpy/npy.ts';
import { BOX_COLUMNS } from '../../yolo/convert/modules/detect.ts';
import { areFinite, type Candidates, readCandidates } from '../../yolo/detect/candidates.ts';
import type { DetectorModel } from '../../yolo/detect/detect-image.ts';
import { fillTile } from '../../yolo/detect/image-tiles.ts';
import { NMS_OUTCOMES, type NmsOptions, nms } from '../../yolo/detect/nms.ts';
import { type DetectionIdentity, PartialDetection } from '../../yolo/detect/partial-detection.ts';
import { Slide } from '../read/slide.ts';
import { SlideView } from '../read/slide-view.ts';
import { isTissue } from '../tissue/tissue-mask.ts';
import { type CellTile, cellTiles } from './cell-tiles.ts';
import type { SlideCellsJob, SlideCellsProgress, SlideCellsResult } from './slide-cells-job.ts';

/** Cells that are compared at once; the order of `nms` holds no more. */
const MAX_CELLS = 2 ** 22 - 1;
/** x1, y1, x2, y2, score, class. */
const COLUMNS = 6;

type Detected = Pick<SlideCellsResult, 'width' | 'height' | 'tiles' | 'tilesTotal' | 'resumed' | 'cells' | 'outside'>;

interface DetectOptions {
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'>;
  readonly onProgress?: (progress: SlideCellsProgress) => void;
}

/**
 * Detects the cells of a slide in overlapping tiles, each cell once: suppression in every tile as the authors' scripts
 * have it, then of all tiles together, so that of a cell at a seam the better box stays. Cells outside the tissue are
 * left out.
 *
 * The cells of every finished tile are committed to `job.partialDir`; the next call resumes behind them with the same
 * bits.
 *
 * @param identity - What the cells depend on besides what `job` names.
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
    const { tiles, total } = cellTiles(view, model.size, job.tissue);
    const partial = await PartialDetection.open(job.partialDir, identity);
    const detector = new TileDetector(view, model, partial, job);
    const found: Candidates[] = [];
    for (const [done, tile] of tiles.entries()) {
      signal?.throwIfAborted();
      const expected = detector.expected(tiles.length - done);
      onProgress?.({
        phase: 'detect',
        tile: done,
        of: tiles.length,
        ...(expected && { ...expected, tiles: tiles.length, tilesTotal: total }),
      });
      found.push(await detector.detect(tile));
    }
    onProgress?.({ phase: 'write', tile: tiles.length, of: tiles.length });
    const merged = onceEach(found, job);
    const inside = job.tissue === undefined ? merged : merged.filter((cell) => isInTissue(cell, job));
    await writeNpy(job.cells, {
      dtype: 'float32',
      shape: [inside.length, COLUMNS],
      data: Float32Array.from(inside.flat()),
    });
    await partial.remove();
    const { width, height } = view;
    const outside = merged.length - inside.length;
    return {
      width,
      height,
      tiles: tiles.length,
      tilesTotal: total,
      resumed: detector.resumed,
      cells: inside.length,
      outside,
    };
  } finally {
    await slide.close();
  }
}

type CellRow = readonly [x1: number, y1: number, x2: number, y2: number, score: number, label: number];

function isInTissue([x1, y1, x2, y2]: CellRow, { tissue }: Pick<SlideCellsJob, 'tissue'>): boolean {
  return tissue !== undefined && isTissue(tissue, (x1 + x2) / 2, (y1 + y2) / 2);
}

/** Detects one tile at a time. */
class TileDetector {
  readonly #view: SlideView;
  readonly #model: DetectorModel;
  readonly #partial: PartialDetection;
  readonly #options: NmsOptions;
  readonly #input: Float32Array;
  readonly #head: Float32Array;
  #seconds = 0;
  #runs = 0;
  /** Tiles that were on disk. */
  resumed = 0;

  constructor(view: SlideView, model: DetectorModel, partial: PartialDetection, options: NmsOptions) {
    this.#view = view;
    this.#model = model;
    this.#partial = partial;
    this.#options = options;
    this.#input = new Float32Array(3 * model.size * model.size);
    this.#head = new Float32Array(model.rows * (BOX_COLUMNS + model.classes.length));
  }

  /** Once, after two tiles: expected time of the remaining ones, s. */
  expected(left: number): { readonly expectedSeconds: number } | undefined {
    if (this.#runs !== 2 || this.#seconds < 0) return undefined;
    const expectedSeconds = (this.#seconds / 2) * left;
    this.#seconds = -1;
    return { expectedSeconds };
  }

  /** The cells of a tile's core, in px of the slide as the network sees it. */
  async detect(tile: CellTile): Promise<Candidates> {
    const present = await this.#partial.read(tile.index);
    if (present !== undefined) {
      this.resumed++;
      return present;
    }
    const start = performance.now();
    const { size } = this.#model;
    const [width, height] = [Math.min(size, this.#view.width), Math.min(size, this.#view.height)];
    const data = await this.#view.read(tile.left, tile.top, width, height);
    fillTile({ data, width, height, notes: [] }, { index: 0, left: 0, top: 0 }, size, this.#input);
    await this.#model.run(this.#input, this.#head);
    const candidates = readCandidates(this.#head, this.#model.classes.length, this.#options.confidence);
    if (!areFinite(candidates)) {
      const where = `the tile at ${tile.left}, ${tile.top} px`;
      throw new ReigniteError('INFERENCE_FAILED', `The network gave boxes that are not finite for ${where}.`);
    }
    const kept = keptOf(candidates, tile, this.#options);
    await this.#partial.write(tile.index, kept);
    this.#runs++;
    if (this.#seconds >= 0) this.#seconds += (performance.now() - start) / 1000;
    return kept;
  }
}

/** What suppression within a tile leaves in its core, best first, in px of the slide. */
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

/** The cells of all tiles, best first, each once. */
function onceEach(tiles: readonly Candidates[], { confidence, iou }: NmsOptions): CellRow[] {
  const count = tiles.reduce((sum, tile) => sum + tile.count, 0);
  if (count > MAX_CELLS) {
    throw new ReigniteError(
      'INFERENCE_FAILED',
      `More cells were found on the slide than supported: ${count} instead of at most ${MAX_CELLS}.`,
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
