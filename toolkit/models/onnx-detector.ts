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

/** What an ONNX file with a detector is: a converted one, with its description, or another, with what describes it. */
export type OnnxDetector =
  | { readonly card: DetectorCard; readonly sidecar?: never; readonly fixed: Sides; readonly imgsz?: number }
  | {
      readonly card?: never;
      readonly sidecar: DetectionSidecar;
      /** File that describes it; the ONNX file itself where its own notes do. */
      readonly source: string;
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

function sidesOf({ inputs: [input] }: DescribedModel, { input: said }: DetectionSidecar): readonly unknown[] {
  const [, second, third, last] = input?.shape ?? [];
  return layoutOf(input?.shape ?? [], said) === 'NCHW' ? [third, last] : [second, third];
}
