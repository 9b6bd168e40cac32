import { type ChannelsImage, decodeChannels, decodeRgb } from '../../image/decode-pixels.ts';
import { areAsStored, RGB } from '../../image/image-header.ts';
import type { DetectionJob, DetectionProgress, DetectionResult } from './cell-detector.ts';
import { type DetectorModel, detectTiles } from './detect-tiles.ts';
import { type DetectionIdentity, PartialDetection, type TileBoxes, writeBoxes } from './detection-files.ts';
import { fillInput, fillTile, type ImageTile, imageTiles, letterboxed, viewTiles } from './image-views.ts';

export interface DetectImageOptions {
  /** Checked before every batch of tiles. A batch in progress is finished, and finished tiles stay on disk. */
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'>;
  readonly onProgress?: (progress: DetectionProgress) => void;
}

type ImageFiles = Pick<DetectionJob, 'image' | 'view' | 'floor' | 'partialDir' | 'boxes'>;
type Detected = Omit<
  DetectionResult,
  'provider' | 'ortVersion' | 'fallbacks' | 'instructionSet' | 'peakRssBytes' | 'seconds'
>;

/**
 * Runs the network on one image, in tiles as in the authors' scripts, and writes every box with a detection score above
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
  const boxes: TileBoxes[] = [];
  let resumed = 0;
  const detected = detectTiles(tiles, {
    ...{ model, partial, floor: job.floor, fill: seen.fill, signal },
    onBatch: ({ finished }) => onProgress?.({ phase: 'detect', tile: finished, of: tiles.length }),
  });
  for await (const { tile, candidates, isResumed } of detected) {
    boxes.push({ tile, candidates });
    if (isResumed) resumed++;
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
    resumed,
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

function paddingNote({ width, height }: ChannelsImage, size: number): readonly string[] {
  const [paddedWidth, paddedHeight] = [Math.ceil(width / size) * size, Math.ceil(height / size) * size];
  if (paddedWidth === width && paddedHeight === height) return [];
  return [`padded with black on the right and below to ${paddedWidth} x ${paddedHeight} px`];
}
