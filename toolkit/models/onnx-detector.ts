import { ownSidecar, requireSidecar } from '../onnx/custom-model/find-sidecar.ts';
import { layoutOf } from '../onnx/custom-model/image-spec.ts';
import { DetectionSidecar, parseSidecar } from '../onnx/custom-model/sidecar.ts';
import { exportedDetector } from '../onnx/exported-detector.ts';
import { type DescribedModel, describeModel } from '../onnx/file/describe-model.ts';
import { DetectorCard } from '../yolo/detector-card.ts';
import { refuseNotOnnx } from './refuse-other-file.ts';

interface Sides {
  readonly height: number;
  readonly width: number;
}

/** An ONNX file with a detector: a converted one with its description, or any other with its model JSON. */
export type OnnxDetector =
  | { readonly card: DetectorCard; readonly sidecar?: never; readonly fixed: Sides; readonly imgsz?: number }
  | {
      readonly card?: never;
      readonly sidecar: DetectionSidecar;
      /** File that describes it; the ONNX file itself if its metadata do. */
      readonly source: string;
      /** Height and width of its input, if the file or its model JSON fixes them. */
      readonly fixed?: Sides;
      /** Side of the images that it was trained with, in px. */
      readonly imgsz?: number;
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
  const card = DetectorCard.safeParse(json).data;
  if (card !== undefined) {
    const [height, width] = card.shape ?? [card.size, card.size];
    return { card, fixed: { height, width }, ...(card.imgsz !== undefined && { imgsz: card.imgsz }) };
  }
  const sidecar = noted ?? parseSidecar(source, json, DetectionSidecar);
  const { size } = sidecar.input;
  const [height, width] = sidesOf(model, sidecar).map((side, axis) =>
    typeof side === 'number' ? side : noted === undefined ? size?.[axis] : undefined,
  );
  return {
    sidecar,
    source,
    ...(height !== undefined && width !== undefined && { fixed: { height, width } }),
    ...(size !== undefined && { imgsz: Math.max(...size) }),
  };
}

function sidesOf({ inputs: [input] }: DescribedModel, { input: described }: DetectionSidecar): readonly unknown[] {
  const [, second, third, last] = input?.shape ?? [];
  return layoutOf(input?.shape ?? [], described) === 'NCHW' ? [third, last] : [second, third];
}
