import { ReigniteError } from '../../errors.ts';
import { BOX_COLUMNS } from '../../yolo/convert/modules/detect.ts';
import { areFinite, readCandidates } from '../../yolo/detect/candidates.ts';
import type { DetectorModel } from '../../yolo/detect/detect-image.ts';
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
