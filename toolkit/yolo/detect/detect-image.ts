import { ReigniteError } from '../../errors.ts';
import { type ChannelsImage, decodeChannels, decodeRgb } from '../../image/decode-pixels.ts';
import { areAsStored } from '../../image/image-header.ts';
import { BOX_COLUMNS } from '../convert/modules/detect.ts';
import { areFinite, type Candidates, readCandidates } from './candidates.ts';
import type { DetectionJob, DetectionProgress, DetectionResult } from './detection-job.ts';
import { type TileBoxes, writeBoxes } from './image-boxes.ts';
import { fillInput, fillTile, type ImageTile, imageTiles } from './image-tiles.ts';
import { letterboxed } from './letterbox.ts';
import { type DetectionIdentity, PartialDetection } from './partial-detection.ts';
import { viewTiles } from './tile-views.ts';

/** Channels of an image, unless the network needs another number. */
const RGB = 3;

/** A detector that can run on tiles. */
export interface DetectorModel {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
  /** Side of a tile in px. */
  readonly size: number;
  /** Height and width of the input in px, if it is not a square of `size` px. */
  readonly shape?: { readonly height: number; readonly width: number };
  /** Whether the network itself outputs one box per object. Default: no. */
  readonly isSuppressed?: boolean;
  /** Channels read from an image: 2 or 4 as the file stores them. Default: 3, RGB. */
  readonly channels?: number;
  /** Number of boxes that the head outputs for a tile. */
  readonly rows: number;
  /** Names of the classes, by number. */
  readonly classes: readonly string[];
  /**
   * Runs the network on one tile.
   *
   * @param input - channels x size x size float32 in [0, 1] (CHW).
   * @param head - Receives rows x (5 + classes) float32: centre x, centre y, width, height in px, objectness, classes.
   * @throws ReigniteError INFERENCE_FAILED.
   */
  run(input: Float32Array, head: Float32Array): Promise<void>;
}

export interface DetectImageOptions {
  /** Checked before every tile. A tile in progress is finished, and finished tiles stay on disk. */
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'>;
  readonly onProgress?: (progress: DetectionProgress) => void;
}

type ImageFiles = Pick<DetectionJob, 'image' | 'view' | 'floor' | 'partialDir' | 'boxes'>;
type Detected = Omit<
  DetectionResult,
  'provider' | 'ortVersion' | 'fallbacks' | 'instructionSet' | 'peakRssBytes' | 'seconds'
>;

/**
 * Runs the network on one image, tile by tile as in the authors' scripts, and writes every box with a detection score above
 * the floor. `selectDetections` decides afterwards which of them are points.
 *
 * The boxes of finished tiles are saved in `job.partialDir`. After an interruption, the next call continues from there with
 * bit-identical results. The file of boxes is written when all tiles are finished.
 *
 * @param identity - What the boxes depend on in addition to `job`.
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function detectImage(
  job: ImageFiles,
  model: DetectorModel,
  identity: DetectionIdentity,
  { signal, onProgress }: DetectImageOptions = {},
): Promise<Detected> {
  signal?.throwIfAborted();
  const pixels = await decodeFor(model, job.image);
  const { width, height } = pixels;
  const seen = seenImage(pixels, job, model);
  const { tiles } = seen;
  const partial = await PartialDetection.open(job.partialDir, identity);
  const reader = new TileReader(seen, model, partial, job.floor);
  const boxes: TileBoxes[] = [];
  for (const tile of tiles) {
    signal?.throwIfAborted();
    onProgress?.({ phase: 'detect', tile: tile.index, of: tiles.length });
    boxes.push({ tile, candidates: await reader.read(tile) });
  }
  onProgress?.({ phase: 'write', tile: tiles.length, of: tiles.length });
  await writeBoxes(job.boxes, boxes);
  await partial.remove();
  return {
    seen: {
      ...{ model: model.digest, width, height, tile: model.size, classes: [...model.classes], floor: job.floor },
      ...(job.view && { view: job.view }),
    },
    tiles: tiles.length,
    resumed: reader.resumed,
    notes: [...pixels.notes, ...(job.view === undefined ? paddingNote(pixels, model.size) : [])],
  };
}

/** An image, divided into the tiles that the network sees. */
interface SeenImage {
  readonly tiles: readonly ImageTile[];
  readonly fill: (tile: ImageTile, input: Float32Array) => void;
}

/** Decodes the channels of an image that a detector takes. */
async function decodeFor({ channels = RGB }: DetectorModel, path: string): Promise<ChannelsImage> {
  return areAsStored(channels) ? decodeChannels(path, channels) : { ...(await decodeRgb(path)), channels: RGB };
}

function seenImage(pixels: ChannelsImage, { view }: ImageFiles, { size }: DetectorModel): SeenImage {
  if (view === undefined) {
    return { tiles: imageTiles(pixels, size), fill: (tile, input) => fillTile(pixels, tile, size, input) };
  }
  const tiles = viewTiles(view, pixels, size);
  if (view.kind === 'tiles') {
    return { tiles, fill: (tile, input) => fillInput(pixels, tile, { width: size, height: size }, input) };
  }
  const { box } = view;
  const whole = { left: 0, top: 0 };
  return { tiles, fill: (_, input) => fillInput(letterboxed(pixels, box), whole, box, input) };
}

/** Reads the candidates of tiles from disk, or runs the network and saves them. */
class TileReader {
  readonly #seen: SeenImage;
  readonly #model: DetectorModel;
  readonly #partial: PartialDetection;
  readonly #floor: number;
  readonly #input: Float32Array;
  readonly #head: Float32Array;
  /** Tiles whose candidates were already on disk. */
  resumed = 0;

  constructor(seen: SeenImage, model: DetectorModel, partial: PartialDetection, floor: number) {
    this.#seen = seen;
    this.#model = model;
    this.#partial = partial;
    this.#floor = floor;
    const { height, width } = model.shape ?? { height: model.size, width: model.size };
    this.#input = new Float32Array((model.channels ?? RGB) * height * width);
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

function paddingNote({ width, height }: ChannelsImage, size: number): readonly string[] {
  const [paddedWidth, paddedHeight] = [Math.ceil(width / size) * size, Math.ceil(height / size) * size];
  if (paddedWidth === width && paddedHeight === height) return [];
  return [`padded with black on the right and below to ${paddedWidth} x ${paddedHeight} px`];
}
