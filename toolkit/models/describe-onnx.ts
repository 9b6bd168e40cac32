import { ReigniteError } from '../errors.ts';
import { counted, listed } from '../format.ts';
import { ModelCard } from '../nnunet/model-card.ts';
import { checkShapes, FLOATING } from '../onnx/custom-model/custom-model.ts';
import { findSidecar, ownSidecar } from '../onnx/custom-model/find-sidecar.ts';
import { type ImageSpec, imageSpec, layoutOf } from '../onnx/custom-model/image-spec.ts';
import { DetectionSidecar, parseSidecar, SegmentationSidecar, Sidecar } from '../onnx/custom-model/sidecar.ts';
import { exportedDetector } from '../onnx/exported-detector.ts';
import { type DescribedModel, type DescribedValue, describeModel, finalOperator } from '../onnx/file/describe-model.ts';
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

const USUAL_SIDE = 512;
/** An end-to-end head returns a few hundred boxes; without suppression there are thousands of rows. */
const MAX_SUPPRESSED_ROWS = 1_000;
const SUPPRESSED_COLUMNS = 6;
const USUAL_REMEDY =
  'A segmentation model gives [1, classes, height, width]; a detector gives boxes as docs/custom-models.md shows.';

/** A draft of a model JSON from the ONNX file, and what the user has to check. */
interface SidecarDraft {
  readonly sidecar: SegmentationSidecar | DetectionSidecar;
  /** What the file does not show, one sentence each. */
  readonly unknown: readonly string[];
}

/**
 * Drafts the model JSON file of an ONNX model from its shapes and last operator.
 *
 * @throws ReigniteError SIDECAR_INVALID for a model that neither segments nor detects; MODEL_UNREADABLE.
 */
export function draftSidecar(path: string, model: DescribedModel): SidecarDraft {
  const refuse = (what: string, remedy = USUAL_REMEDY) =>
    new ReigniteError('SIDECAR_INVALID', `${path}: ${what}.`, { remedy });
  const [input] = model.inputs;
  const [output] = model.outputs;
  if (input === undefined || output === undefined || model.inputs.length > 1) {
    throw refuse(
      `the model has ${counted(model.inputs.length, 'input')} and ${counted(model.outputs.length, 'output')}`,
      'Export the model with its image as the only input.',
    );
  }
  const obstacle = draftObstacle(model, input, output);
  if (obstacle !== undefined) throw refuse(obstacle.what, obstacle.remedy);
  const channels =
    input.shape[layoutOf(input.shape, {}) === 'NCHW' ? 1 : 3] === 4 ? ({ channels: 'RGBA' } as const) : {};
  const spec = imageSpec(input, channels, refuse);
  const draft = segmentationOf(path, output, spec, input) ?? detectionOf(output) ?? classifierError(output, refuse);
  const inputFields = { ...inputOf(input, spec), ...channels };
  const sidecar =
    draft.kind === 'segmentation'
      ? SegmentationSidecar.parse({ kind: draft.kind, input: inputFields, output: draft.output, labels: draft.labels })
      : DetectionSidecar.parse({ kind: draft.kind, input: inputFields, output: draft.output, labels: draft.labels });
  checkShapes(model, { sidecar, source: path });
  return {
    sidecar,
    unknown: [...inputQuestions(input, spec), ...outputQuestions(model), ...draft.unknown],
  };
}

interface Draft {
  readonly kind: 'segmentation' | 'detection';
  readonly output: object;
  readonly labels: readonly string[];
  readonly unknown: readonly string[];
}

function inputOf({ shape }: DescribedValue, { layout, elementType }: ImageSpec): object {
  const sides = layout === 'NCHW' ? shape.slice(2) : shape.slice(1, 3);
  const isFixed = sides.every((side) => typeof side === 'number');
  const size = sides.map((side) => (typeof side === 'number' ? side : USUAL_SIDE));
  const scaling = elementType === 'uint8' ? {} : { range: [0, 1], mean: 0, std: 1 };
  return { ...scaling, ...(!isFixed && { size }) };
}

function inputQuestions({ name, shape }: DescribedValue, { elementType, channels, layout }: ImageSpec): string[] {
  const sides = layout === 'NCHW' ? shape.slice(2) : shape.slice(1, 3);
  return [
    ...(elementType === 'uint8'
      ? []
      : [`Check input.range, mean and std: how pixels of ${name} were scaled in training. The draft has 0 to 1.`]),
    ...channelsQuestion(channels),
    ...(sides.some((side) => typeof side !== 'number')
      ? [`Check input.size: the model takes any size; the draft has tiles of ${USUAL_SIDE} px.`]
      : []),
  ];
}

function channelsQuestion(channels: ImageSpec['channels']): string[] {
  if (channels === 'grey') return [];
  if (channels === 'two')
    return ['Check that images have two channels, such as grey and alpha, in the order of the training.'];
  const stored = channels === 'RGBA' ? ' Set four if images have four channels of their own.' : '';
  return [`Check input.channels: the draft has ${channels}; OpenCV reads images as BGR.${stored}`];
}

function outputQuestions({ outputs }: DescribedModel): string[] {
  if (outputs.length === 1) return [];
  const names = outputs.map(({ name }) => name);
  return [`Check which output is read: the draft takes the first of ${listed(names)}; set output.name for another.`];
}

/** Drafts a segmentation model if the output has the height and width of the input or open dimensions. */
function segmentationOf(
  path: string,
  { name, shape }: DescribedValue,
  { layout: usual }: ImageSpec,
  input: DescribedValue,
): Draft | undefined {
  const isFlat = shape.length === 3 && isImage(shape.slice(1), input, usual);
  if (shape.length !== 4 && !isFlat) return undefined;
  const layout =
    isFlat || !isImage(shape.slice(1, 3), input, usual) || isImage(shape.slice(2), input, usual) ? 'NCHW' : 'NHWC';
  const found = isFlat ? 1 : shape[layout === 'NCHW' ? 1 : 3];
  const count = typeof found === 'number' ? found : 1;
  const final = finalOperator(path, name);
  const values =
    final === 'Softmax' ? 'probabilities' : final === 'Sigmoid' ? 'sigmoid' : count === 1 ? 'sigmoid-logits' : 'logits';
  const isSigmoid = values.startsWith('sigmoid');
  return {
    kind: 'segmentation',
    output: { ...(layout !== usual && { layout }), values, ...(isSigmoid && { threshold: 0.5 }) },
    labels: Array.from({ length: count }, (_, channel) => `class ${isSigmoid ? channel + 1 : channel}`),
    unknown: [
      ...(final === 'Softmax' || final === 'Sigmoid'
        ? []
        : [`Check output.values: the graph ends in ${final ?? 'an unknown operator'}; the draft has ${values}.`]),
      ...(typeof found === 'number' ? [] : ['Check labels: the file leaves the number of channels open.']),
      `Name the labels${isSigmoid ? ' and check the threshold' : ''}.`,
    ],
  };
}

function isImage(sides: readonly (number | string)[], { shape }: DescribedValue, layout: ImageSpec['layout']): boolean {
  const wanted = layout === 'NCHW' ? shape.slice(2) : shape.slice(1, 3);
  return sides.every((side, axis) =>
    typeof side === 'string' ? typeof wanted[axis] === 'string' : side === wanted[axis],
  );
}

function detectionOf({ shape }: DescribedValue): Draft | undefined {
  const [, second, third] = shape;
  if (shape.length !== 3 || (typeof second !== 'number' && typeof third !== 'number')) return undefined;
  const [rows, columns] = [second, third];
  if (columns === SUPPRESSED_COLUMNS && (typeof rows !== 'number' || rows <= MAX_SUPPRESSED_ROWS)) {
    return detection(
      'end2end',
      1,
      'Check labels: one name for each class, in their order; the file does not say how many.',
    );
  }
  if (typeof rows === 'number' && rows > 4 && (typeof columns !== 'number' || columns > rows)) {
    return detection('yolov8', rows - 4, 'Name the labels.');
  }
  return typeof columns === 'number' && columns > 5 ? detection('yolov5', columns - 5, 'Name the labels.') : undefined;
}

function detection(format: DetectionSidecar['output']['format'], classes: number, question: string): Draft {
  return {
    kind: 'detection',
    output: { format },
    labels: Array.from({ length: classes }, (_, index) => `class ${index}`),
    unknown: [`Check output.format: the shape looks like ${format}.`, question],
  };
}

function classifierError({ name, shape }: DescribedValue, refuse: (what: string) => ReigniteError): never {
  const what =
    shape.length === 2 ? 'it gives one row for an image, as a classifier does' : 'it neither segments nor detects';
  throw refuse(`${what}: its output ${name} is [${shape}]`);
}

/** Why no model JSON can describe a model, and what to do. */
interface DraftObstacle {
  readonly what: string;
  readonly remedy: string;
}

/** Minimum side in px; smaller inputs are patches of a classifier. */
const SMALLEST_SIDE = 8;
const MAX_CHANNELS = 64;
/** Rows of the box in a YOLO segmentation head, which also has rows for the classes and for each prototype. */
const BOX_ROWS = 4;

/** Finds what no field of a model JSON can describe; undefined if a draft can be written. */
function draftObstacle(
  { outputs }: DescribedModel,
  input: DescribedValue,
  output: DescribedValue,
): DraftObstacle | undefined {
  const [batch] = input.shape;
  if (typeof batch === 'number' && batch > 1) {
    return {
      what: `its input ${input.name} takes ${batch} images at once`,
      remedy: 'Export the model for one image: a batch of 1, or a dynamic one.',
    };
  }
  if (!FLOATING.includes(output.elementType)) {
    return {
      what: `its output ${output.name} holds numbers that are not scores, such as the label of each pixel`,
      remedy: 'Export the model without its last step (such as ArgMax), so that it gives the scores of all classes.',
    };
  }
  const sides = sidesOf(input, layoutOf(input.shape, {}));
  if (sides?.some((side) => side < SMALLEST_SIDE)) {
    return {
      what: `its input ${input.name} takes images of ${sides.join(' x ')} px`,
      remedy: 'Export the model for tiles, such as 512 x 512 px, or with dynamic height and width.',
    };
  }
  return prototypesObstacle(output, outputs) ?? (sides === undefined ? undefined : pictureObstacle(output, sides));
}

/** Detects a YOLO segmentation export without its metadata, whose number of classes is unknown. */
function prototypesObstacle({ shape }: DescribedValue, outputs: readonly DescribedValue[]): DraftObstacle | undefined {
  const [, rows] = shape;
  const isHead = shape.length === 3 && typeof rows === 'number';
  const masks = outputs.find(({ shape: other }) => other.length === 4)?.shape[1];
  if (!isHead || typeof masks !== 'number' || rows <= BOX_ROWS + masks) return undefined;
  return {
    what: `it looks like a YOLO segmentation model (${masks} prototypes), whose metadata are missing`,
    remedy: 'Give its .pt file, whose boxes are used, or a detector (task `detect`) from `yolo export format=onnx`.',
  };
}

/** Detects an output with four axes that does not have the size of the input, or has too many channels. */
function pictureObstacle(
  { name, shape }: DescribedValue,
  [height, width]: readonly [number, number],
): DraftObstacle | undefined {
  if (shape.length !== 4 || !shape.every((length) => typeof length === 'number')) return undefined;
  const layout = [shape[2] === height && shape[3] === width, shape[1] === height && shape[2] === width];
  if (layout.includes(true)) {
    const channels = layout[0] === true ? shape[1] : shape[3];
    if (channels === undefined || channels <= MAX_CHANNELS) return undefined;
    return {
      what: `its output ${name} has ${channels} channels; masks have at most ${MAX_CHANNELS} labels`,
      remedy: 'Reduce the channels to those of the labels when you export the model.',
    };
  }
  const isClassifier = shape.filter((length) => length === 1).length >= 3;
  return {
    what: `its output ${name} is [${shape}] for an input of ${height} x ${width} px${isClassifier ? ', as that of a classifier' : ''}`,
    remedy: isClassifier
      ? 'Classifiers are not supported: use a model that segments or detects.'
      : 'Export the model so that it resizes its scores to the size of the input.',
  };
}

/** Returns height and width if both are fixed. */
function sidesOf({ shape }: DescribedValue, layout: 'NCHW' | 'NHWC'): [number, number] | undefined {
  if (shape.length !== 4) return undefined;
  const [height, width] = layout === 'NCHW' ? [shape[2], shape[3]] : [shape[1], shape[2]];
  return typeof height === 'number' && typeof width === 'number' ? [height, width] : undefined;
}
