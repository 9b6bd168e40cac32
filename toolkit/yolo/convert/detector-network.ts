import { ReigniteError } from '../../errors.ts';
import { withArticle } from '../../format.ts';
import type { Checkpoint } from '../../pytorch/containers/checkpoint.ts';
import {
  asDict,
  asInteger,
  asItems,
  asString,
  asTensor,
  dictGet,
  dictHas,
  type Located,
  locate,
  refusal,
} from '../../pytorch/pickle/access.ts';
import { isPickleObject } from '../../pytorch/pickle/value.ts';
import { type ModuleNode, readModuleTree } from './module-tree.ts';

const NETWORKS: ReadonlySet<string> = new Set(['models.yolo.DetectionModel', 'models.yolo.Model']);
const SEQUENTIAL = 'torch.nn.modules.container.Sequential';
/** More than any real one; the output has a column for each. */
const MAX_CLASSES = 10_000;
const MAX_STRIDE = 4_096;

/** A YOLOv5 checkpoint, understood but not yet turned into a graph. */
export interface DetectorNetwork {
  /** Which of the checkpoint's networks it is: the moving average where there is one, as YOLOv5's loader has it. */
  readonly weights: 'ema' | 'model';
  readonly root: ModuleNode;
  /** Layers in the order of execution; the last is the head. */
  readonly layers: readonly ModuleNode[];
  /** Names of the classes, by number. */
  readonly names: readonly string[];
  /** Of each level of the head in px. */
  readonly strides: readonly number[];
}

/**
 * Reads the network of a checkpoint of YOLOv5, release 3.0 to 7.0.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED when there is no detection network in it, or one of another family.
 */
export async function readDetectorNetwork(checkpoint: Checkpoint): Promise<DetectorNetwork> {
  const start = locate(checkpoint.root, checkpoint.path, 'CHECKPOINT_UNSUPPORTED');
  const weights = dictHas(start, 'ema') ? 'ema' : 'model';
  const root = readModuleTree(dictGet(start, weights));
  if (!NETWORKS.has(root.className)) {
    throw unsupported(checkpoint, `its network is ${withArticle(root.className)}, not a detector of YOLOv5`);
  }
  const body = root.children.get('model');
  if (body?.className !== SEQUENTIAL) throw unsupported(checkpoint, 'its network has no layers at model');
  const layers = [...body.children.values()];
  const head = layers.at(-1);
  if (head === undefined) throw unsupported(checkpoint, 'its network has no layers at model');
  const classes = asInteger(dictGet(head.attributes, 'nc'));
  if (classes < 1 || classes > MAX_CLASSES) throw unsupported(checkpoint, `its head has ${classes} classes`);
  return {
    weights,
    root,
    layers,
    names: classNames(dictGet(root.attributes, 'names'), classes),
    strides: await headStrides(checkpoint, dictGet(head.attributes, 'stride')),
  };
}

/** A list up to release 6.2, a dict by number since; without names they are numbered, as in YOLOv5. */
function classNames(located: Located, classes: number): readonly string[] {
  if ((located.value ?? null) === null) return Array.from({ length: classes }, (_, index) => `class${index}`);
  const isDict = isPickleObject(located.value) && located.value.kind === 'dict';
  const names = isDict ? namesByNumber(located, classes) : asItems(located).map(asString);
  if (names.length !== classes) throw refusal(located, `a name for each of ${classes} classes`);
  return names;
}

function namesByNumber(located: Located, classes: number): readonly string[] {
  if (asDict(located).entries.size !== classes) throw refusal(located, `a name for each of ${classes} classes`);
  return Array.from({ length: classes }, (_, index) => asString(dictGet(located, index)));
}

async function headStrides(checkpoint: Checkpoint, located: Located): Promise<readonly number[]> {
  const tensor = asTensor(located);
  const [levels] = tensor.shape;
  if (tensor.shape.length !== 1 || levels === undefined || levels < 1 || levels > 16) {
    throw refusal(located, 'a stride for each level');
  }
  const strides = Array.from(await checkpoint.readFloat32(tensor));
  const areSound = strides.every((stride) => Number.isInteger(stride) && stride >= 1 && stride <= MAX_STRIDE);
  if (!areSound) throw unsupported(checkpoint, `its strides are ${strides.join(', ')} px`);
  return strides;
}

function unsupported({ path }: Checkpoint, what: string): ReigniteError {
  return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is not supported: ${what}.`);
}
