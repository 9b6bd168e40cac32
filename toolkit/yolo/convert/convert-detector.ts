import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../../errors.ts';
import { sweepTemporaries, writeFileAtomic } from '../../files/atomic-write.ts';
import { makeFolder } from '../../files/folders.ts';
import { sha256Of, sha256OfFile } from '../../files/hash-file.ts';
import { writeModel } from '../../onnx/file/model-file.ts';
import { openCheckpoint } from '../../pytorch/containers/checkpoint.ts';
import { CARD_FILE, DetectorCard, readDetectorCard } from '../detector-card.ts';
import { detectorGraph, INPUT_NAME } from './detector-graph.ts';
import { readDetectorNetwork } from './detector-network.ts';
import { TensorUsage } from './module-tree.ts';
import type { Size } from './modules/yolov5-head.ts';

/**
 * Raised whenever a change to the converter gives other outputs for the same checkpoint, so that results of the old model
 * are not mistaken for those of the new one.
 */
const CONVERTER_SCHEMA = 2;
/** Side of a tile in px, as in the authors' scripts. */
export const DEFAULT_SIZE = 512;

/** Side of a square, or height and width, in px. */
export type DetectorSize = number | Size;

/** What a converted detector was made from. */
export interface DetectorSource {
  /** SHA-256 over everything that determines the outputs, lower-case hex. */
  readonly digest: string;
  /** SHA-256 of the checkpoint. */
  readonly sourceSha256: string;
}

/**
 * Computes the digest of a detector without converting it, so that a cache can be checked first.
 *
 * @param size - Size of a tile, px.
 * @returns The digest that `convertDetector` writes into its description.
 * @throws ReigniteError FILE_MISSING.
 */
export async function detectorDigest(
  checkpoint: string,
  size: DetectorSize = DEFAULT_SIZE,
  signal?: AbortSignal,
): Promise<string> {
  const { digest } = await hashSource(checkpoint, { size }, signal);
  return digest;
}

/** @param of.oneToMany - See `ConvertDetectorOptions`. */
export async function hashSource(
  checkpoint: string,
  { size, oneToMany = false }: { readonly size: DetectorSize; readonly oneToMany?: boolean },
  signal?: AbortSignal,
): Promise<DetectorSource> {
  const sourceSha256 = await sha256OfFile(checkpoint, signal);
  return {
    sourceSha256,
    digest: sha256Of(
      [`yolov5 ${CONVERTER_SCHEMA} ${sizeText(size)}${oneToMany ? ' one-to-many' : ''}`, sourceSha256].join('\n'),
    ),
  };
}

/** Returns the height and width of an input in px. */
export function sidesOf(size: DetectorSize): Size {
  return typeof size === 'number' ? { height: size, width: size } : size;
}

function sizeText(size: DetectorSize): string {
  const { height, width } = sidesOf(size);
  return height === width ? String(height) : `${height}x${width}`;
}

const MODEL_FILE = 'detector.onnx';

/** Options of `convertDetector`. */
export interface ConvertDetectorOptions {
  /** Checkpoint of YOLOv5, release 3.0 to 7.0, or of Ultralytics 8. */
  readonly checkpoint: string;
  /** Folder for `detector.onnx` and `detector.json`; created if missing. */
  readonly out: string;
  /** Side of a tile, or height and width of the input, in px: multiples of the largest stride. Default 512. */
  readonly size?: DetectorSize;
  /** For a network with two heads (YOLOv10, YOLO26): convert the one-to-many head, whose boxes need suppression. */
  readonly oneToMany?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Converts a detector of YOLOv5 or Ultralytics to ONNX and writes a JSON description next to it. No code from the
 * checkpoint is executed.
 *
 * Equal sources give equal bytes. The description is written last, so an interrupted conversion can be repeated. An
 * existing conversion of the same source is verified and kept.
 *
 * @throws ReigniteError FILE_MISSING, CHECKPOINT_CORRUPT, CHECKPOINT_UNSAFE, CHECKPOINT_UNSUPPORTED, USAGE (size),
 *   NO_SPACE or NOT_WRITABLE; `detector.json` is then absent.
 * @example await convertDetector({ checkpoint: 'best.pt', out: 'onnx/nuclei', size: 640 });
 */
export async function convertDetector(options: ConvertDetectorOptions): Promise<DetectorCard> {
  const { checkpoint, out, size = DEFAULT_SIZE, oneToMany = false, signal } = options;
  const source = await hashSource(checkpoint, { size, oneToMany }, signal);
  const present = await presentConversion(out, source.digest, signal);
  if (present !== undefined) return present;
  await makeFolder(out);
  await sweepTemporaries(out, { of: (name) => /^detector\.(?:onnx|json)$/.test(name) });
  await rm(join(out, CARD_FILE), { force: true });
  const card = await convert(source, { checkpoint, out, size, oneToMany, ...(signal && { signal }) });
  await writeFileAtomic(join(out, CARD_FILE), `${JSON.stringify(card, null, 2)}\n`);
  return card;
}

async function convert(
  source: DetectorSource,
  { checkpoint: path, out, size, oneToMany = false, signal }: ConvertDetectorOptions & { readonly size: DetectorSize },
): Promise<DetectorCard> {
  signal?.throwIfAborted();
  const checkpoint = await openCheckpoint(path);
  try {
    const network = await readDetectorNetwork(checkpoint);
    const usage = new TensorUsage(network.root, path, checkpoint);
    const { height, width } = sidesOf(size);
    const { graph, output, format, rows, classes } = detectorGraph(network, usage, { height, width }, oneToMany);
    const { family, imgsz, release, hasMasks } = network;
    const written = await writeModel(join(out, MODEL_FILE), graph, signal);
    return DetectorCard.parse({
      kind: family === 'yolov5' ? 'yolov5' : 'yolo',
      converterSchema: CONVERTER_SCHEMA,
      ...source,
      weights: network.weights,
      size: Math.max(height, width),
      ...(height !== width && { shape: [height, width] }),
      ...(imgsz !== undefined && { imgsz }),
      ...(release !== undefined && { release }),
      ...(hasMasks && { hasMasks }),
      format,
      nc: classes,
      classes: network.names,
      stride: network.strides,
      rows,
      input: INPUT_NAME,
      output,
      anyBatch: true,
      file: MODEL_FILE,
      ...written,
      parameters: usage.parameters,
      unused: usage.unused,
    });
  } finally {
    await checkpoint.close();
  }
}

/** Returns the description of an existing conversion if it is of the same source and its model file is intact. */
async function presentConversion(out: string, digest: string, signal?: AbortSignal): Promise<DetectorCard | undefined> {
  try {
    const card = await readDetectorCard(out);
    const isWhole = card.digest === digest && (await sha256OfFile(join(out, card.file), signal)) === card.sha256;
    return isWhole ? card : undefined;
  } catch (error) {
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}
