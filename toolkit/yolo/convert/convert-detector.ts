import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../../errors.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { sha256Of, sha256OfFile } from '../../files/hash-file.ts';
import { makeFolder } from '../../files/make-folder.ts';
import { sweepTemporaries } from '../../files/temporary-files.ts';
import { writeModel } from '../../onnx/file/write-model.ts';
import { openCheckpoint } from '../../pytorch/containers/checkpoint.ts';
import { CARD_FILE, DetectorCard, readDetectorCard } from '../detector-card.ts';
import { detectorGraph, INPUT_NAME, OUTPUT_NAME } from './detector-graph.ts';
import { readDetectorNetwork } from './detector-network.ts';
import { TensorUsage } from './tensor-ledger.ts';

/**
 * Counts the meanings of a conversion: raised whenever the same checkpoint would give a model with other outputs,
 * so that nothing computed with the old one is mistaken for the new one's.
 */
const CONVERTER_SCHEMA = 2;
/** Side of a tile in px, as the authors' scripts run with. */
const DEFAULT_SIZE = 512;

/** What a converted detector was made from. */
export interface DetectorSource {
  /** SHA-256 over everything that determines the outputs, lower-case hex. */
  readonly digest: string;
  /** SHA-256 of the checkpoint. */
  readonly sourceSha256: string;
}

/**
 * Identifies a detector by its checkpoint without converting it, so that a cache can decide.
 *
 * @param size - Side of a tile in px.
 * @returns The same digest that `convertDetector` writes into its card.
 * @throws ReigniteError FILE_MISSING.
 */
export async function detectorDigest(checkpoint: string, size = DEFAULT_SIZE, signal?: AbortSignal): Promise<string> {
  const { digest } = await hashSource(checkpoint, size, signal);
  return digest;
}

async function hashSource(checkpoint: string, size: number, signal?: AbortSignal): Promise<DetectorSource> {
  const sourceSha256 = await sha256OfFile(checkpoint, signal);
  return { sourceSha256, digest: sha256Of([`yolov5 ${CONVERTER_SCHEMA} ${size}`, sourceSha256].join('\n')) };
}

const MODEL_FILE = 'detector.onnx';

/** What is converted, and where to. */
export interface ConvertDetectorOptions {
  /** YOLOv5 checkpoint, release 3.0 to 7.0. */
  readonly checkpoint: string;
  /** Folder for `detector.onnx` and `detector.json`; created if missing. */
  readonly out: string;
  /** Height and width of a tile in px, a multiple of the largest stride. @default 512 */
  readonly size?: number;
  readonly signal?: AbortSignal;
}

/**
 * Converts a YOLOv5 detector to ONNX, with a description in `detector.json`. Nothing in the checkpoint is executed.
 *
 * Equal sources give equal bytes. The description is written last, so an interrupted conversion can be repeated. An
 * existing, matching conversion is verified and kept.
 *
 * @throws ReigniteError FILE_MISSING, CHECKPOINT_CORRUPT, CHECKPOINT_UNSAFE, CHECKPOINT_UNSUPPORTED, USAGE (size),
 *   NO_SPACE or NOT_WRITABLE; `detector.json` is then absent.
 * @example await convertDetector({ checkpoint: 'best.pt', out: 'onnx/nuclei', size: 640 });
 */
export async function convertDetector(options: ConvertDetectorOptions): Promise<DetectorCard> {
  const { checkpoint, out, size = DEFAULT_SIZE, signal } = options;
  const source = await hashSource(checkpoint, size, signal);
  const present = await presentConversion(out, source.digest, signal);
  if (present !== undefined) return present;
  await makeFolder(out);
  await sweepTemporaries(out, { of: (name) => /^detector\.(?:onnx|json)$/.test(name) });
  await rm(join(out, CARD_FILE), { force: true });
  const card = await convert(source, { checkpoint, out, size, ...(signal && { signal }) });
  await writeFileAtomic(join(out, CARD_FILE), `${JSON.stringify(card, null, 2)}\n`);
  return card;
}

async function convert(
  source: DetectorSource,
  { checkpoint: path, out, size, signal }: ConvertDetectorOptions & { readonly size: number },
): Promise<DetectorCard> {
  signal?.throwIfAborted();
  const checkpoint = await openCheckpoint(path);
  try {
    const network = await readDetectorNetwork(checkpoint);
    const ledger = new TensorUsage(network.root, path, checkpoint);
    const { graph, rows, classes } = detectorGraph(network, ledger, size);
    const written = await writeModel(join(out, MODEL_FILE), graph, signal);
    return DetectorCard.parse({
      kind: 'yolov5',
      converterSchema: CONVERTER_SCHEMA,
      ...source,
      weights: network.weights,
      size,
      nc: classes,
      classes: network.names,
      stride: network.strides,
      rows,
      input: INPUT_NAME,
      output: OUTPUT_NAME,
      file: MODEL_FILE,
      ...written,
      parameters: ledger.parameters,
      unused: ledger.unused,
    });
  } finally {
    await checkpoint.close();
  }
}

/** The card of a conversion of this very checkpoint whose model is whole. */
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
