import { openCheckpoint } from '../pytorch/containers/checkpoint.ts';
import { readDetectorNetwork } from '../yolo/convert/detector-network.ts';
import { hasTwoHeads } from '../yolo/convert/modules/ultralytics/detect-dfl.ts';
import { readOnnxDetector, refuseNoFile } from './cell-model.ts';
import { refuseOtherFile } from './identify-file.ts';

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
  const { card, sidecar, fixed, imgsz } = await readOnnxDetector(path);
  const sizes = { ...(fixed && { fixed }), ...(imgsz !== undefined && { imgsz }) };
  if (card === undefined) return { family: 'onnx', classes: sidecar.labels, stride: USUAL_STRIDE, ...sizes };
  const family = card.kind === 'yolov5' ? 'yolov5' : 'ultralytics';
  return { family, classes: card.classes, stride: Math.max(...card.stride), ...sizes };
}
