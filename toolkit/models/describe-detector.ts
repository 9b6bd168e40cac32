import { DetectionSidecar, parseSidecar, readSidecarJson } from '../onnx/custom-model/sidecar.ts';
import { describeModel } from '../onnx/file/describe-model.ts';
import { openCheckpoint } from '../pytorch/containers/checkpoint.ts';
import { readDetectorNetwork } from '../yolo/convert/detector-network.ts';
import { DetectorCard } from '../yolo/detector-card.ts';
import { refuseNoFile } from './cell-model.ts';

/** What is known of a detector before it is prepared. */
export interface DescribedDetector {
  readonly family: 'yolov5' | 'ultralytics' | 'onnx';
  /** Names of the classes, by number. */
  readonly classes: readonly string[];
  /** Largest stride in px: sides of the input are multiples of it. */
  readonly stride: number;
  /** Side of the images that it was trained with, in px, where the file says so. */
  readonly imgsz?: number;
  /** Height and width of the input of an ONNX file, which are fixed. */
  readonly fixed?: { readonly height: number; readonly width: number };
}

const USUAL_STRIDE = 32;

/**
 * Reads what a detector says of itself: a checkpoint of YOLOv5 or Ultralytics, or an ONNX file with its sidecar.
 *
 * @throws ReigniteError FILE_MISSING, SIDECAR_INVALID, MODEL_UNREADABLE, or what reading the checkpoint throws.
 */
export async function describeDetector(path: string): Promise<DescribedDetector> {
  await refuseNoFile(path);
  return /\.onnx$/i.test(path) ? describeOnnx(path) : describeCheckpoint(path);
}

async function describeCheckpoint(path: string): Promise<DescribedDetector> {
  const checkpoint = await openCheckpoint(path);
  try {
    const { family, names, strides, imgsz } = await readDetectorNetwork(checkpoint);
    return { family, classes: names, stride: Math.max(...strides), ...(imgsz !== undefined && { imgsz }) };
  } finally {
    await checkpoint.close();
  }
}

async function describeOnnx(path: string): Promise<DescribedDetector> {
  const json = await readSidecarJson(path);
  const card = DetectorCard.safeParse(json).data;
  if (card !== undefined) {
    const [height, width] = card.shape ?? [card.size, card.size];
    return {
      family: card.kind === 'yolov5' ? 'yolov5' : 'ultralytics',
      classes: card.classes,
      stride: Math.max(...card.stride),
      fixed: { height, width },
      ...(card.imgsz !== undefined && { imgsz: card.imgsz }),
    };
  }
  const { labels, input } = parseSidecar(path, json, DetectionSidecar);
  const shape = describeModel(path).inputs[0]?.shape ?? [];
  const sides = input.layout === 'NCHW' ? [shape[2], shape[3]] : [shape[1], shape[2]];
  const [height, width] = sides.map((side, axis) => (typeof side === 'number' ? side : input.size?.[axis]));
  const fixed = height === undefined || width === undefined ? {} : { fixed: { height, width } };
  return { family: 'onnx', classes: labels, stride: USUAL_STRIDE, ...fixed };
}
