import { ModelCard } from '../nnunet/model-card.ts';
import { checkShapes } from '../onnx/custom-model/custom-model.ts';
import { draftSidecar, type SidecarDraft } from '../onnx/custom-model/draft.ts';
import { findSidecar, ownSidecar } from '../onnx/custom-model/find-sidecar.ts';
import { parseSidecar, Sidecar } from '../onnx/custom-model/sidecar.ts';
import { exportedDetector } from '../onnx/exported-detector.ts';
import { describeModel } from '../onnx/file/describe-model.ts';
import { DetectorCard } from '../yolo/detector-card.ts';
import { refuseNotOnnx } from './identify-file.ts';

/** What is known about an ONNX model: its existing description, or the draft of a model JSON. */
export type OnnxDescription =
  | { readonly by: 'card' | 'metadata' | 'file'; readonly source: string; readonly sidecar: Sidecar | object }
  | ({ readonly by: 'draft' } & SidecarDraft);

/**
 * Returns the description of an ONNX model or, if there is none, drafts its model JSON.
 *
 * @throws ReigniteError FILE_MISSING, MODEL_UNREADABLE; SIDECAR_INVALID for a description that does not fit the model, or a
 *   model that neither segments nor detects.
 */
export async function describeOnnxModel(path: string): Promise<OnnxDescription> {
  await refuseNotOnnx(path);
  const model = describeModel(path);
  const own = await ownSidecar(path);
  const noted = own === undefined ? exportedDetector(path, model) : undefined;
  if (noted !== undefined) return { by: 'metadata', source: path, sidecar: noted };
  const found = own ?? (await findSidecar(path));
  if (found === undefined) return { by: 'draft', ...draftSidecar(path, model) };
  const card = DetectorCard.safeParse(found.json).data ?? ModelCard.safeParse(found.json).data;
  if (card !== undefined) return { by: 'card', source: found.path, sidecar: card };
  const sidecar = parseSidecar(found.path, found.json, Sidecar);
  checkShapes(model, { sidecar, source: found.path });
  return { by: 'file', source: found.path, sidecar };
}
