import { rm } from 'node:fs/promises';
import { ReigniteError } from '../../errors.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { decodeRgb, type RgbImage } from '../../image/decode-pixels.ts';
import { writeNpy } from '../../numpy/npy.ts';
import { BOX_COLUMNS } from '../convert/modules/detect.ts';
import { judgeViews } from '../judge-views.ts';
import { letterboxed } from '../letterbox.ts';
import { letterboxTile, overlappingTiles, type SeenTile } from '../tile-views.ts';
import { areFinite, type Candidates, readCandidates } from './candidates.ts';
import { type CandidateRow, encodeCandidates } from './candidates-file.ts';
import type { DetectionJob, DetectionProgress, DetectionResult } from './detection-job.ts';
import { fillInput, fillTile, type ImageTile, imageTiles } from './image-tiles.ts';
import { classifyCandidates, type JudgedTile } from './judge-tile.ts';
import { type DetectionIdentity, PartialDetection } from './partial-detection.ts';
import { type Point, roundedCoordinate } from './points.ts';

/** A detector as the detection of an image sees it. */
export interface DetectorModel {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
  /** Side of a tile in px. */
  readonly size: number;
  /** Height and width of the input in px, where it is no square of that side. */
  readonly shape?: { readonly height: number; readonly width: number };
  /** Whether the network itself leaves one box an object. Default: no. */
  readonly isSuppressed?: boolean;
  /** Boxes that the head gives for a tile. */
  readonly rows: number;
  /** Names of the classes, by number. */
  readonly classes: readonly string[];
  /**
   * Runs the network on one tile.
   *
   * @param input - 3 x size x size float32 in [0, 1] (CHW).
   * @param head - Receives rows x (5 + classes) float32: centre x, centre y, width, height in px, objectness, classes.
   * @throws ReigniteError INFERENCE_FAILED.
   */
  run(input: Float32Array, head: Float32Array): Promise<void>;
}

export interface DetectImageOptions {
  /** Asked before every tile: a tile under way is finished, what is on disk stays. */
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'>;
  readonly onProgress?: (progress: DetectionProgress) => void;
}

type ImageFiles = Omit<DetectionJob, 'modelDir' | 'imageSha256' | 'provider' | 'threads'>;
type Detected = Pick<
  DetectionResult,
  'width' | 'height' | 'tiles' | 'resumed' | 'points' | 'candidates' | 'notes' | 'cutOff'
>;

/** Candidates below the confidence are recorded too, down to this score. */
const RECORDED_SCORE = 0.25;

/** The score above which candidates are read and recorded, at a given confidence. */
export function recordedScore(confidence: number): number {
  return Math.min(RECORDED_SCORE, confidence);
}

/**
 * Detects cells in one image as the authors' scripts do: tiles side by side, non-maximum suppression in each, centres
 * within the annotated box.
 *
 * The candidates of every finished tile are committed to `job.partialDir`; the next call resumes after them, and its
 * result is the same bit by bit. The points and the candidates appear when all tiles are done.
 *
 * @param identity - What the candidates depend on besides the image.
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function detectImage(
  job: ImageFiles,
  model: DetectorModel,
  identity: DetectionIdentity,
  { signal, onProgress }: DetectImageOptions = {},
): Promise<Detected> {
  signal?.throwIfAborted();
  const rgb = await decodeRgb(job.image);
  const { width, height } = rgb;
  const seen = seenImage(rgb, job, model);
  const { tiles } = seen;
  const partial = await PartialDetection.open(job.partialDir, identity);
  const reader = new TileReader(seen, model, partial, floorOf(job));
  const candidates: Candidates[] = [];
  for (const tile of tiles) {
    signal?.throwIfAborted();
    onProgress?.({ phase: 'detect', tile: tile.index, of: tiles.length });
    candidates.push(await reader.read(tile));
  }
  onProgress?.({ phase: 'write', tile: tiles.length, of: tiles.length });
  const { rows, points, cutOff } = judged(candidates, seen, rgb, job);
  await writeFileAtomic(job.candidates, encodeCandidates({ ...headOf(job, model, rgb), candidates: rows }));
  await writePoints(job.points, points);
  await partial.remove();
  return {
    width,
    height,
    tiles: tiles.length,
    resumed: reader.resumed,
    points: points.length,
    candidates: rows.length,
    notes: [...rgb.notes, ...(job.view === undefined ? paddingNote(rgb, model.size) : [])],
    ...(cutOff !== undefined && { cutOff }),
  };
}

/** An image in the tiles in which the network sees it. */
interface SeenImage {
  readonly tiles: readonly ImageTile[];
  readonly fill: (tile: ImageTile, input: Float32Array) => void;
  /** Missing for tiles side by side. */
  readonly views?: readonly SeenTile[];
}

function seenImage(rgb: RgbImage, { view }: ImageFiles, { size }: DetectorModel): SeenImage {
  if (view === undefined) {
    return { tiles: imageTiles(rgb, size), fill: (tile, input) => fillTile(rgb, tile, size, input) };
  }
  if (view.kind === 'tiles') {
    const views = overlappingTiles(rgb, size, view.overlap);
    return { tiles: views, views, fill: (tile, input) => fillInput(rgb, tile, { width: size, height: size }, input) };
  }
  const { box } = view;
  const tile = letterboxTile(rgb, box);
  const whole = { index: 0, left: 0, top: 0 };
  return { tiles: [whole], views: [tile], fill: (_, input) => fillInput(letterboxed(rgb, box), whole, box, input) };
}

function judged(
  candidates: readonly Candidates[],
  { tiles, views }: SeenImage,
  rgb: RgbImage,
  job: ImageFiles,
): { rows: CandidateRow[]; points: JudgedTile['points']; cutOff?: number } {
  if (views !== undefined) {
    const { rows, points, cutOff } = judgeViews(candidates, views, rgb, { suppression: 'together', ...job });
    return { rows: [...rows], points, cutOff };
  }
  const each = candidates.map((of, index) => classifyCandidates(of, tiles[index] ?? { index, left: 0, top: 0 }, job));
  return { rows: rowsOf(each), points: each.flatMap((tile) => tile.points) };
}

function floorOf({ recorded, confidence }: ImageFiles): number {
  return recorded ?? recordedScore(confidence);
}

/** Gives the candidates of tiles: those on disk, or what the network says, put on disk. */
class TileReader {
  readonly #seen: SeenImage;
  readonly #model: DetectorModel;
  readonly #partial: PartialDetection;
  readonly #floor: number;
  readonly #input: Float32Array;
  readonly #head: Float32Array;
  /** Tiles that were on disk. */
  resumed = 0;

  constructor(seen: SeenImage, model: DetectorModel, partial: PartialDetection, floor: number) {
    this.#seen = seen;
    this.#model = model;
    this.#partial = partial;
    this.#floor = floor;
    const { height, width } = model.shape ?? { height: model.size, width: model.size };
    this.#input = new Float32Array(3 * height * width);
    this.#head = new Float32Array(model.rows * (BOX_COLUMNS + model.classes.length));
  }

  async read(tile: ImageTile): Promise<Candidates> {
    const present = await this.#partial.read(tile.index);
    if (present !== undefined) {
      this.resumed++;
      return present;
    }
    this.#seen.fill(tile, this.#input);
    await this.#model.run(this.#input, this.#head);
    const candidates = readCandidates(this.#head, this.#model.classes.length, this.#floor);
    if (!areFinite(candidates)) {
      const where = `the tile at ${tile.left}, ${tile.top} px`;
      throw new ReigniteError('INFERENCE_FAILED', `The network gave boxes that are not finite for ${where}.`);
    }
    await this.#partial.write(tile.index, candidates);
    return candidates;
  }
}

/** Rows of all tiles one behind the other; indices within a tile become rows of the file. */
function rowsOf(tiles: readonly JudgedTile[]): CandidateRow[] {
  const rows: CandidateRow[] = [];
  for (const tile of tiles) {
    const before = rows.length;
    for (const [number, label, score, x1, y1, x2, y2, outcome] of tile.rows) {
      rows.push([number, label, score, x1, y1, x2, y2, typeof outcome === 'number' ? before + outcome : outcome]);
    }
  }
  return rows;
}

function headOf(job: ImageFiles, model: DetectorModel, { width, height }: RgbImage) {
  const { confidence, iou, box } = job;
  return {
    schema: 1 as const,
    model: model.digest,
    width,
    height,
    tile: model.size,
    ...viewOf(job),
    classes: [...model.classes],
    confidence,
    iou,
    recorded: floorOf(job),
    box: box === undefined ? null : ([...box] as [number, number, number, number]),
  };
}

function viewOf({ view, suppression = 'together' }: ImageFiles) {
  return {
    ...(view?.kind === 'tiles' && { overlap: view.overlap }),
    ...(view?.kind === 'letterbox' && { letterbox: { width: view.box.width, height: view.box.height } }),
    ...(suppression !== 'together' && { suppression }),
  };
}

/** An image without points has no file, as in the record. */
async function writePoints(path: string, points: readonly (Point & { readonly label: number })[]): Promise<void> {
  if (points.length === 0) return rm(path, { force: true });
  const data = Float32Array.from(
    points.flatMap(({ x, y, label }) => [roundedCoordinate(x), roundedCoordinate(y), label]),
  );
  await writeNpy(path, { dtype: 'float32', shape: [points.length, 3], data });
}

function paddingNote({ width, height }: RgbImage, size: number): readonly string[] {
  const [paddedWidth, paddedHeight] = [Math.ceil(width / size) * size, Math.ceil(height / size) * size];
  if (paddedWidth === width && paddedHeight === height) return [];
  return [`padded with black on the right and below to ${paddedWidth} x ${paddedHeight} px`];
}
