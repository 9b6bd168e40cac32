import { DetectionSidecar, hasSidecar, parseSidecar, readSidecarJson } from '../onnx/custom-model/sidecar.ts';
import { exportedDetector } from '../onnx/exported-detector.ts';
import { describeModel } from '../onnx/file/describe-model.ts';
import { DetectorCard } from '../yolo/detector-card.ts';

interface Sides {
  readonly height: number;
  readonly width: number;
}

/** What an ONNX file with a detector is: a converted one, with its description, or another, with what describes it. */
export type OnnxDetector =
  | { readonly card: DetectorCard; readonly sidecar?: never; readonly fixed: Sides; readonly imgsz?: number }
  | {
      readonly card?: never;
      readonly sidecar: DetectionSidecar;
      /** Height and width of its input, where the file fixes them or its sidecar says them. */
      readonly fixed?: Sides;
      /** Side of the images that it was trained with, in px. */
      readonly imgsz?: number;
    };

/**
 * Reads what an ONNX file says of itself, or its sidecar of it; the sidecar goes first.
 *
 * @throws ReigniteError FILE_MISSING, MODEL_UNREADABLE; SIDECAR_INVALID for a file that needs a sidecar and has none.
 */
export async function readOnnxDetector(path: string): Promise<OnnxDetector> {
  const model = describeModel(path);
  const isSaid = hasSidecar(path);
  const noted = isSaid ? undefined : exportedDetector(path, model);
  const json = noted ?? (await readSidecarJson(path));
  const card = DetectorCard.safeParse(json).data;
  if (card !== undefined) {
    const [height, width] = card.shape ?? [card.size, card.size];
    return { card, fixed: { height, width }, ...(card.imgsz !== undefined && { imgsz: card.imgsz }) };
  }
  const sidecar = noted ?? parseSidecar(path, json, DetectionSidecar);
  const { layout, size } = sidecar.input;
  const shape = model.inputs[0]?.shape ?? [];
  const sides = layout === 'NCHW' ? [shape[2], shape[3]] : [shape[1], shape[2]];
  const [height, width] = sides.map((side, axis) =>
    typeof side === 'number' ? side : isSaid ? size?.[axis] : undefined,
  );
  return {
    sidecar,
    ...(height !== undefined && width !== undefined && { fixed: { height, width } }),
    ...(size !== undefined && { imgsz: Math.max(...size) }),
  };
}
