import type { DescribedModel, DescribedValue } from '../file/describe-model.ts';
import { FLOATING } from './custom-model.ts';
import { layoutOf } from './image-spec.ts';

/** Why no model JSON can describe a model, and what to do. */
export interface DraftObstacle {
  readonly what: string;
  readonly remedy: string;
}

/** Minimum side in px; smaller inputs are patches of a classifier. */
const SMALLEST_SIDE = 8;
const MAX_CHANNELS = 64;
/** Rows of the box in a YOLO segmentation head, which also has rows for the classes and for each prototype. */
const BOX_ROWS = 4;

/** Finds what no field of a model JSON can describe; undefined if a draft can be written. */
export function draftObstacle(
  { outputs }: DescribedModel,
  input: DescribedValue,
  output: DescribedValue,
): DraftObstacle | undefined {
  const [batch] = input.shape;
  if (typeof batch === 'number' && batch > 1) {
    return {
      what: `its input ${input.name} takes ${batch} images at once`,
      remedy: 'Export the model for one image: a batch of 1, or an open one.',
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
      remedy: 'Export the model for tiles, such as 512 x 512 px, or with open height and width.',
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
