import { join } from 'node:path';
import { ReigniteError } from '../errors.ts';
import { copyChangingFile, replaceFile, writeFileAtomic } from '../files/atomic-write.ts';
import { refuseStream, statIfThere } from '../files/file-access.ts';
import { sha256OfFile } from '../files/hash-file.ts';
import { RGB } from '../image/image-header.ts';
import { importCustomModel } from '../onnx/custom-model/custom-model.ts';
import { ownSidecar, requireSidecar } from '../onnx/custom-model/find-sidecar.ts';
import { channelsRead, layoutOf } from '../onnx/custom-model/image-spec.ts';
import { DetectionSidecar, parseSidecar, refuseOtherKind } from '../onnx/custom-model/sidecar.ts';
import { exportedDetector } from '../onnx/exported-detector.ts';
import { type DescribedModel, describeModel } from '../onnx/file/describe-model.ts';
import { openCheckpoint } from '../pytorch/containers/checkpoint.ts';
import {
  convertDetector,
  DEFAULT_SIZE,
  type DetectorSize,
  hashSource,
  sidesOf,
} from '../yolo/convert/convert-detector.ts';
import { readDetectorNetwork } from '../yolo/convert/detector-network.ts';
import { hasTwoHeads } from '../yolo/convert/modules/ultralytics-head.ts';
import { CARD_FILE, DetectorCard, knownDetectorCard } from '../yolo/detector-card.ts';
import { isTrainedOnSynthetic, refuseNotOnnx, refuseOtherFile } from './identify-file.ts';
import type { PrepareOptions } from './tissue-model.ts';

/** A detector, ready in the state directory. */
export interface CellModel {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
  /** Folder of the converted model. */
  readonly modelDir: string;
  /** Names of the classes, by number. */
  readonly classes: readonly string[];
  /** Channels read from an image: 3 for RGB, 2 or 4 as the file stores them. */
  readonly channels: number;
  /** Whether the network includes non-maximum suppression. */
  readonly isSuppressed: boolean;
  /** Number of boxes that the network gives for a tile; missing if it varies. */
  readonly rows?: number;
  /** What else users of its predictions should know, one sentence each. */
  readonly notes: readonly string[];
  /** Whether it was trained on synthetic images, according to its checkpoint. */
  readonly synthetic: boolean;
  /** Whether it was already prepared. */
  readonly cached: boolean;
}

export interface PrepareCellOptions extends Pick<PrepareOptions, 'signal'> {
  /** Size of the network's input in px. Default: 512, the tile of the paper's scripts, or the fixed size of an .onnx file. */
  readonly size?: DetectorSize;
  /** See `ConvertDetectorOptions`. */
  readonly oneToMany?: boolean;
}

/**
 * Prepares a detector: each distinct checkpoint of YOLOv5 or Ultralytics is converted once per input size.
 *
 * @param path - A .pt file, or an .onnx file with its model JSON.
 * @param models - Folder of converted models.
 * @param options.size - Size of a tile in px; default: 512, or the fixed size of an .onnx file.
 * @throws ReigniteError FILE_MISSING, SIDECAR_INVALID, CONFIG_INVALID (size), MODEL_UNREADABLE, or what the conversion
 *   throws.
 */
export async function prepareCellModel(
  path: string,
  models: string,
  { signal, size: asked, oneToMany = false }: PrepareCellOptions = {},
): Promise<CellModel> {
  await refuseNoFile(path);
  if (/\.onnx$/i.test(path)) return prepareOnnx(path, models, asked, signal);
  const size = asked ?? DEFAULT_SIZE;
  const { digest } = await hashSource(path, { size, oneToMany }, signal);
  const modelDir = join(models, digest);
  const known = await knownDetectorCard(modelDir);
  const options = { checkpoint: path, out: modelDir, size, oneToMany, ...(signal && { signal }) };
  const card = known ?? (await convertDetector(options));
  return { ...modelOf(card), modelDir, cached: known !== undefined };
}

/** @throws ReigniteError FILE_MISSING; CHECKPOINT_UNSUPPORTED for a folder; USAGE for a named pipe, a device or a socket. */
export async function refuseNoFile(path: string): Promise<void> {
  const found = await statIfThere(path);
  if (found === undefined) throw new ReigniteError('FILE_MISSING', `Model not found: ${path}.`);
  refuseStream(path, found);
  if (!found.isDirectory()) return;
  throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is a folder, not a detector.`, {
    remedy: 'Name a .pt file of YOLOv5 or Ultralytics, or an .onnx file.',
  });
}

/**
 * Prepares an ONNX file: one that `model convert` wrote, or any other detector with a model JSON or its own metadata.
 */
async function prepareOnnx(
  path: string,
  models: string,
  size: DetectorSize | undefined,
  signal: AbortSignal | undefined,
): Promise<CellModel> {
  const described = await readOnnxDetector(path);
  if (described.card !== undefined) {
    const { shape, size: side } = described.card;
    refuseOtherSize(path, shape ?? [side, side], size);
    return takeConverted(path, described.card, models, signal);
  }
  const own = described.fixed === undefined ? sizedSidecar(described.sidecar, size ?? DEFAULT_SIZE) : described.sidecar;
  const { card, folder, cached } = await importCustomModel(
    path,
    { sidecar: own, source: described.source },
    models,
    signal,
  );
  const { sidecar } = card;
  if (sidecar.kind !== 'detection') throw new ReigniteError('SIDECAR_INVALID', `${path} is not a detector.`);
  refuseOtherSize(path, card.size, size);
  return {
    digest: card.digest,
    modelDir: folder,
    classes: sidecar.labels,
    channels: channelsRead(card.image.channels),
    isSuppressed: sidecar.output.format === 'end2end',
    ...(card.rowsVary !== true && { rows: card.count }),
    notes: [],
    synthetic: isTrainedOnSynthetic([card]),
    cached,
  };
}

/** Fixes the size in the model JSON of a model that takes any size. */
function sizedSidecar(sidecar: DetectionSidecar, size: DetectorSize): DetectionSidecar {
  const { height, width } = sidesOf(size);
  return { ...sidecar, input: { ...sidecar.input, size: [height, width] } };
}

async function takeConverted(
  path: string,
  card: DetectorCard,
  models: string,
  signal: AbortSignal | undefined,
): Promise<CellModel> {
  if ((await sha256OfFile(path, signal)) !== card.sha256) {
    throw new ReigniteError('SIDECAR_INVALID', `The JSON file next to ${path} describes another model.`, {
      remedy: 'Run `npx reignite model convert` again: it writes both files.',
    });
  }
  const modelDir = join(models, card.digest);
  const known = await knownDetectorCard(modelDir);
  if (known === undefined) {
    await replaceFile(join(modelDir, card.file), (temporary) => copyChangingFile(path, temporary));
    await writeFileAtomic(join(modelDir, CARD_FILE), `${JSON.stringify(card, null, 2)}\n`);
  }
  return { ...modelOf(card), modelDir, cached: known !== undefined };
}

/** Refuses another size than that of an ONNX file, whose shapes are fixed. */
function refuseOtherSize(path: string, fixed: readonly [number, number], wanted: DetectorSize | undefined): void {
  if (wanted === undefined) return;
  const [height, width] = fixed;
  const asked = sidesOf(wanted);
  if (asked.height === height && asked.width === width) return;
  const cause = `${path} takes tiles of ${width} x ${height} px, not of ${asked.width} x ${asked.height}.`;
  throw new ReigniteError('CONFIG_INVALID', cause, {
    remedy:
      'Leave out `nuclei.tile` or `pdl1.tile`, or give the model as a .pt file, which is converted for any tile size.',
  });
}

function modelOf(card: DetectorCard): Omit<CellModel, 'modelDir' | 'cached'> {
  const { digest, classes, format, rows, hasMasks } = card;
  return {
    digest,
    classes,
    channels: RGB,
    isSuppressed: format === 'end2end',
    rows,
    notes: hasMasks ? ['The model also gives the masks of its objects, which are left out.'] : [],
    synthetic: isTrainedOnSynthetic([card]),
  };
}

interface Sides {
  readonly height: number;
  readonly width: number;
}

/** An ONNX file with a detector: a converted one with its description, or any other with its model JSON. */
type OnnxDetector =
  | {
      readonly card: DetectorCard;
      readonly sidecar?: never;
      readonly fixed: Sides;
      readonly imgsz?: number;
      readonly stride?: never;
    }
  | {
      readonly card?: never;
      readonly sidecar: DetectionSidecar;
      /** File that describes it; the ONNX file itself if its metadata do. */
      readonly source: string;
      /** Height and width of its input, if the file or its model JSON fixes them. */
      readonly fixed?: Sides;
      /** Side of the images that it was trained with, in px. */
      readonly imgsz?: number;
      /** Largest stride in px, if the file states it. */
      readonly stride?: number;
    };

/**
 * Reads the description of a detector from its model JSON or, if there is none, from the metadata of the ONNX file.
 *
 * @throws ReigniteError FILE_MISSING, MODEL_UNREADABLE; SIDECAR_INVALID for a file that needs a model JSON and has
 *   none.
 */
export async function readOnnxDetector(path: string): Promise<OnnxDetector> {
  await refuseNotOnnx(path);
  const model = describeModel(path);
  const own = await ownSidecar(path);
  const noted = own === undefined ? exportedDetector(path, model) : undefined;
  const { path: source, json } = own ?? (noted === undefined ? await requireSidecar(path) : { path, json: noted });
  refuseOtherKind(source, json, 'detection');
  const card = DetectorCard.safeParse(json).data;
  if (card !== undefined) {
    const [height, width] = card.shape ?? [card.size, card.size];
    return { card, fixed: { height, width }, ...(card.imgsz !== undefined && { imgsz: card.imgsz }) };
  }
  const sidecar = noted ?? parseSidecar(source, json, DetectionSidecar);
  const { size } = sidecar.input;
  const [height, width] = declaredSides(model, sidecar).map((side, axis) =>
    typeof side === 'number' ? side : noted === undefined ? size?.[axis] : undefined,
  );
  return {
    sidecar,
    source,
    ...(height !== undefined && width !== undefined && { fixed: { height, width } }),
    ...(size !== undefined && { imgsz: Math.max(...size) }),
    ...strideOf(model),
  };
}

/** Reads the stride that YOLOv5 and Ultralytics note in their exports. */
function strideOf({ metadata: { stride: noted } }: DescribedModel): { readonly stride?: number } {
  const stride = Number(noted);
  return Number.isInteger(stride) && stride >= 1 && stride <= MAX_STRIDE ? { stride } : {};
}

function declaredSides(
  { inputs: [input] }: DescribedModel,
  { input: described }: DetectionSidecar,
): readonly unknown[] {
  const [, second, third, last] = input?.shape ?? [];
  return layoutOf(input?.shape ?? [], described) === 'NCHW' ? [third, last] : [second, third];
}

/** What is known about a detector before it is prepared. */
export interface DescribedDetector {
  readonly family: 'yolov5' | 'ultralytics' | 'onnx';
  /** Names of the classes, by number. */
  readonly classes: readonly string[];
  /** Largest stride in px: sides of the input are multiples of it. */
  readonly stride: number;
  /** Side of the images that it was trained with, in px, if the file says so. */
  readonly imgsz?: number;
  /** Whether it has a one-to-one head, used by default, and a one-to-many head, whose boxes need suppression. */
  readonly hasTwoHeads?: true;
  /** Height and width of the input of an ONNX file, which are fixed. */
  readonly fixed?: { readonly height: number; readonly width: number };
}

const USUAL_STRIDE = 32;
const MAX_STRIDE = 4_096;

/**
 * Describes a detector: a checkpoint of YOLOv5 or Ultralytics, or an ONNX file with its model JSON.
 *
 * @throws ReigniteError FILE_MISSING, SIDECAR_INVALID, MODEL_UNREADABLE, or what reading the checkpoint throws.
 */
export async function describeDetector(path: string): Promise<DescribedDetector> {
  await refuseNoFile(path);
  return /\.onnx$/i.test(path) ? describeOnnx(path) : describeCheckpoint(path);
}

async function describeCheckpoint(path: string): Promise<DescribedDetector> {
  await refuseOtherFile(path);
  const checkpoint = await openCheckpoint(path);
  try {
    const { family, names, strides, imgsz, layers } = await readDetectorNetwork(checkpoint);
    const head = layers.at(-1);
    return {
      ...{ family, classes: names, stride: Math.max(...strides) },
      ...(imgsz !== undefined && { imgsz }),
      ...(head !== undefined && hasTwoHeads(head) && { hasTwoHeads: true }),
    };
  } finally {
    await checkpoint.close();
  }
}

async function describeOnnx(path: string): Promise<DescribedDetector> {
  const { card, sidecar, fixed, imgsz, stride = USUAL_STRIDE } = await readOnnxDetector(path);
  const sizes = { ...(fixed && { fixed }), ...(imgsz !== undefined && { imgsz }) };
  if (card === undefined) return { family: 'onnx', classes: sidecar.labels, stride, ...sizes };
  const family = card.kind === 'yolov5' ? 'yolov5' : 'ultralytics';
  return { family, classes: card.classes, stride: Math.max(...card.stride), ...sizes };
}
