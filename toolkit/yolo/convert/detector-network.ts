import { basename } from 'node:path';
import { ReigniteError } from '../../errors.ts';
import { withArticle } from '../../format.ts';
import type { Checkpoint } from '../../pytorch/containers/checkpoint.ts';
import {
  asDict,
  asInteger,
  asItems,
  asObject,
  asString,
  asTensor,
  dictGet,
  dictHas,
  isPickleObject,
  type Located,
  locate,
  nameOfCallable,
  type PickleValue,
  refusal,
} from '../../pytorch/pickle/value.ts';
import { findStateDict, isPlans, networkOf } from '../../pytorch/tensors/state-dict.ts';
import { type ModuleNode, readModuleTree, withoutPackages } from './module-tree.ts';

/** Family by the class of the network. Of a segmentation model, only the detection part is used. */
const NETWORKS: ReadonlyMap<string, DetectorNetwork['family']> = new Map([
  ['models.yolo.DetectionModel', 'yolov5'],
  ['models.yolo.Model', 'yolov5'],
  ['models.yolo.SegmentationModel', 'yolov5'],
  ['ultralytics.nn.tasks.DetectionModel', 'ultralytics'],
  ['ultralytics.nn.tasks.SegmentationModel', 'ultralytics'],
]);
const SEQUENTIAL = 'torch.nn.modules.container.Sequential';
/** More than any real model has. The output has one column per class. */
const MAX_CLASSES = 10_000;
const MAX_STRIDE = 4_096;
const MAX_SIZE = 8_192;
const OTHER_TASKS = [
  [/ClassificationModel$/, 'a classifier of whole images'],
  [/PoseModel$/, 'a model of poses'],
  [/OBBModel$/, 'a detector of rotated boxes'],
  [/SemanticModel$|SemanticSegmentationModel$/, 'a model of semantic segmentation'],
  [/DepthModel$/, 'a model of depth'],
  [/RTDETRDetectionModel$/, 'an RT-DETR'],
  [/YOLOESegModel$/, 'an open-vocabulary model with masks'],
] as const;

/** The network of a YOLOv5 or Ultralytics 8 checkpoint, before it is converted to a graph. */
export interface DetectorNetwork {
  readonly family: 'yolov5' | 'ultralytics';
  /** Release of Ultralytics that wrote the file, if stated. */
  readonly release?: string;
  /** Side of the training images in px, if stated. */
  readonly imgsz?: number;
  /** Whether the network also outputs masks, which are ignored. */
  readonly hasMasks: boolean;
  /** Which network of the checkpoint was used: like YOLOv5's loader, the moving average (`ema`) if there is one. */
  readonly weights: 'ema' | 'model';
  readonly root: ModuleNode;
  /** Layers in the order of execution; the last is the head. */
  readonly layers: readonly ModuleNode[];
  /** Names of the classes, by number. */
  readonly names: readonly string[];
  /** Stride of each level of the head, px. */
  readonly strides: readonly number[];
}

/**
 * Reads the network of a checkpoint of YOLOv5, release 3.0 to 7.0, or of Ultralytics 8 (YOLOv8 and later).
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED if it contains no detection network, or one of another family.
 */
export async function readDetectorNetwork(checkpoint: Checkpoint): Promise<DetectorNetwork> {
  const start = locate(checkpoint.root, checkpoint.path, 'CHECKPOINT_UNSUPPORTED');
  const { weights, network } = findNetwork(start);
  refuseBareWeights(checkpoint, network);
  const root = readModuleTree(network);
  const family = NETWORKS.get(root.className);
  if (family === undefined) throw otherNetwork(root, checkpoint.path);
  const refused = otherChannels(root, checkpoint.path);
  if (refused !== undefined) throw refused;
  const body = root.children.get('model');
  if (body?.className !== SEQUENTIAL) throw unsupported(checkpoint, 'its network has no layers at model');
  const layers = [...body.children.values()];
  const head = layers.at(-1);
  if (head === undefined) throw unsupported(checkpoint, 'its network has no layers at model');
  const classes = asInteger(dictGet(head.attributes, 'nc'));
  if (classes < 1 || classes > MAX_CLASSES) throw unsupported(checkpoint, `its head has ${classes} classes`);
  const release = textAt(start, 'version');
  const imgsz = trainedSize(start, root);
  return {
    family,
    ...(release !== undefined && { release }),
    ...(imgsz !== undefined && { imgsz }),
    hasMasks: /SegmentationModel$/.test(root.className),
    weights,
    root,
    layers,
    names: classNames(dictGet(root.attributes, 'names'), classes),
    strides: await headStrides(checkpoint, dictGet(head.attributes, 'stride')),
  };
}

/** Reads the class names: a list up to release 6.2, later a dict by number. Classes without names are numbered. */
function classNames(located: Located, classes: number): readonly string[] {
  if ((located.value ?? null) === null) return Array.from({ length: classes }, (_, index) => `class${index}`);
  const isDict = isPickleObject(located.value) && located.value.kind === 'dict';
  const names = isDict ? namesByNumber(located, classes) : asItems(located).map(nameOfClass);
  if (names.length !== classes) throw refusal(located, `a name for each of ${classes} classes`);
  return names;
}

function namesByNumber(located: Located, classes: number): readonly string[] {
  if (asDict(located).entries.size !== classes) throw refusal(located, `a name for each of ${classes} classes`);
  return Array.from({ length: classes }, (_, index) => nameOfClass(dictGet(located, index)));
}

/** Returns the name of a class; classes without names are called by their numbers. */
function nameOfClass(located: Located): string {
  return typeof located.value === 'number' ? String(asInteger(located)) : asString(located);
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

/** Reads the side of the training images: YOLOv5 stores it in `opt`, Ultralytics in its training arguments. */
function trainedSize(start: Located, root: ModuleNode): number | undefined {
  const places = [entryOf(root.attributes, 'args'), entryOf(start, 'train_args'), entryOf(start, 'opt')];
  for (const place of places) {
    const size = place === undefined ? undefined : entryOf(place, 'imgsz')?.value;
    const sides = isPickleObject(size) && (size.kind === 'list' || size.kind === 'tuple') ? size.items : [size];
    const side = Math.max(...sides.map((each) => (typeof each === 'number' && Number.isInteger(each) ? each : 0)));
    if (side >= 1 && side <= MAX_SIZE) return side;
  }
  return undefined;
}

/** Returns an entry of a dict or an attribute of an object, if it exists. */
function entryOf(located: Located, key: string): Located | undefined {
  const { value } = located;
  const held = isPickleObject(value) && value.kind === 'reduced' ? value.state : value;
  if (!isPickleObject(held) || held.kind !== 'dict' || !held.entries.has(key)) return undefined;
  return dictGet({ ...located, value: held }, key);
}

function textAt(located: Located, key: string): string | undefined {
  const value = entryOf(located, key)?.value;
  return typeof value === 'string' && /^[\w.+-]{1,40}$/.test(value) ? value : undefined;
}

/** Refuses weights without a network: they do not say how the layers are connected. */
function refuseBareWeights(checkpoint: Checkpoint, network: Located): void {
  const { value } = network;
  if (isPickleObject(value) && value.kind === 'reduced') return;
  if (isPlans(checkpoint.root)) {
    throw new ReigniteError(
      'CHECKPOINT_UNSUPPORTED',
      `${checkpoint.path} cannot be used: it holds plans of nnU-Net v1, without weights.`,
      { remedy: 'Give the folder with fold_0 to `predict --task he`, or fold_0/model_best.model to `model convert`.' },
    );
  }
  const root = locate(checkpoint.root, checkpoint.path, 'CHECKPOINT_UNSUPPORTED');
  if (hasAverage(root) && dictHas(root, 'model') && isModule(dictGet(root, 'model'))) {
    throw new ReigniteError(
      'CHECKPOINT_UNSUPPORTED',
      `${checkpoint.path} cannot be used: its ema, which YOLOv5 and Ultralytics prefer to its model, is not a network.`,
      { remedy: 'In Python, set ema to None in the checkpoint and save it again, or save the average as a network.' },
    );
  }
  const weights = findStateDict(checkpoint.root);
  const isTable = weights !== undefined || (isPickleObject(value) && value.kind === 'dict');
  const of = weights === undefined ? undefined : networkOf(weights);
  throw new ReigniteError(
    'CHECKPOINT_UNSUPPORTED',
    isTable
      ? `${checkpoint.path} cannot be used: it contains only weights (a state dict)${of === undefined ? '' : ` of ${of}`}, no network.`
      : `${checkpoint.path} cannot be used: it contains no YOLO network under ema or model.`,
    isTable
      ? { remedy: 'Save the whole model as its own trainer does, or export it to ONNX and give the ONNX file instead.' }
      : {},
  );
}

/** Channels of the images that are given to networks of checkpoints. */
const IMAGE_CHANNELS = 3;
/** Groups of channels that the first layer of YOLOv5 up to release 5.0 makes of an image. */
const FOCUS_GROUPS = 4;

/** Explains that a network is for images that are not RGB; undefined if it is for RGB. */
function otherChannels(root: ModuleNode, path: string): ReigniteError | undefined {
  const channels = channelsOf(root);
  if (channels === undefined || channels === IMAGE_CHANNELS) return undefined;
  return new ReigniteError(
    'CHECKPOINT_UNSUPPORTED',
    `${path} cannot be used: its network takes images of ${channels} ${channels === 1 ? 'channel' : 'channels'}, and checkpoints of detectors are supported only with 3 (RGB).`,
    { remedy: exportOf(root, path) },
  );
}

function exportOf({ className }: ModuleNode, path: string): string {
  const command = isOfUltralytics(className)
    ? `yolo export model=${basename(path)} format=onnx`
    : `python export.py --weights ${basename(path)} --include onnx`;
  return `Export it with \`${command}\` and give the ONNX file instead.`;
}

function isOfUltralytics(className: string): boolean {
  return className.startsWith('ultralytics.');
}

/** Returns the channels that the first convolution of a network takes; undefined if its first layer has none. */
function channelsOf(root: ModuleNode): number | undefined {
  const first = root.children.get('model')?.children.values().next().value;
  const channels = first === undefined ? undefined : inputChannels(first);
  const isFocus = first !== undefined && /(?:^|\.)Focus$/.test(first.className);
  return isFocus && channels !== undefined ? channels / FOCUS_GROUPS : channels;
}

function inputChannels({ tensors, children }: ModuleNode): number | undefined {
  const weight = tensors.get('weight')?.shape;
  if (weight?.length === 4) return weight[1];
  for (const child of children.values()) {
    const channels = inputChannels(child);
    if (channels !== undefined) return channels;
  }
  return undefined;
}

/** Explains which kind of network the checkpoint contains, with what helps if anything does. */
function otherNetwork(root: ModuleNode, path: string): ReigniteError {
  const { className } = root;
  const task = OTHER_TASKS.find(([pattern]) => pattern.test(className))?.[1];
  const what = task === undefined ? withArticle(className) : `${task} (${className})`;
  return new ReigniteError(
    'CHECKPOINT_UNSUPPORTED',
    `${path} cannot be used: its network is ${what}, not a detector of YOLOv5 or Ultralytics.`,
    {
      ...(task !== undefined && {
        remedy: 'Give a YOLO detector with fixed classes: a model of the task `detect` or `segment`.',
      }),
      ...(task === undefined && isOfUltralytics(className) && { remedy: exportOf(root, path) }),
    },
  );
}

function unsupported({ path }: Checkpoint, what: string): ReigniteError {
  return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is not supported: ${what}.`);
}

/** Where a network is in a checkpoint. */
interface FoundNetwork {
  /** Which of the checkpoint's networks it is: the moving average where there is one, as YOLOv5's loader has it. */
  readonly weights: 'ema' | 'model';
  /** The network itself, out of what is wrapped around it; anything else where there is none. */
  readonly network: Located;
}

/** Modules that hold a network to run it elsewhere or otherwise, and the name that they hold it under. */
const WRAPPERS: ReadonlyMap<string, string> = new Map([
  ['torch.nn.parallel.data_parallel.DataParallel', 'module'],
  ['torch.nn.parallel.distributed.DistributedDataParallel', 'module'],
  ['models.common.AutoShape', 'model'],
  ['models.common.DetectMultiBackend', 'model'],
  ['ultralytics.nn.autobackend.AutoBackend', 'model'],
  ['ultralytics.models.yolo.model.YOLO', 'model'],
]);
const ENSEMBLES = ['models.experimental.Ensemble', 'ultralytics.nn.tasks.Ensemble'];
/** Wrappers within wrappers; a file may nest as deep as it likes. */
const MOST_WRAPPERS = 8;

/**
 * Finds the network of a checkpoint: under `ema` or `model`, the only module under another key, or the whole file; and
 * out of what PyTorch, YOLOv5 or Ultralytics wrap around it.
 *
 * @throws ReigniteError of `root.code` for an ensemble of several networks, and for a root that is neither a dict nor a
 *   module.
 */
function findNetwork(root: Located): FoundNetwork {
  if (isModule(root)) return { weights: 'model', network: unwrapped(root) };
  if (hasAverage(root)) return { weights: 'ema', network: unwrapped(dictGet(root, 'ema')) };
  const model = dictHas(root, 'model') ? dictGet(root, 'model') : (onlyModule(root) ?? dictGet(root, 'model'));
  return { weights: 'model', network: unwrapped(model) };
}

/** Whether a checkpoint has a moving average; like their loaders in Python, not if it is empty, zero or false. */
function hasAverage(root: Located): boolean {
  if (!dictHas(root, 'ema')) return false;
  const { value } = dictGet(root, 'ema');
  return isPickleObject(value) && value.kind === 'dict' ? value.entries.size > 0 : Boolean(value);
}

function onlyModule(root: Located): Located | undefined {
  const { value } = root;
  if (!isPickleObject(value) || value.kind !== 'dict') return undefined;
  const keys = [...value.entries.keys()].filter((key) => typeof key === 'string');
  const [module, ...others] = keys.map((key) => dictGet(root, key)).filter(isModule);
  return others.length === 0 ? module : undefined;
}

/** Whether a value is an object that has submodules. */
function isModule({ value }: Located): boolean {
  if (!isPickleObject(value) || value.kind !== 'reduced') return false;
  const { state } = value;
  return isPickleObject(state) && state.kind === 'dict' && state.entries.has('_modules');
}

function unwrapped(wrapped: Located): Located {
  let network = wrapped;
  for (let depth = 0; depth < MOST_WRAPPERS && isModule(network); depth++) {
    const { module, name, state } = asObject(network);
    const className = withoutPackages(`${module}.${name}`);
    const modules = dictGet(state, '_modules');
    const held = ENSEMBLES.includes(className) ? onlyMember(modules, network) : WRAPPERS.get(className);
    if (held === undefined || !dictHas(modules, held)) return network;
    network = dictGet(modules, held);
  }
  return network;
}

function onlyMember(members: Located, { file, code }: Located): string {
  if (!dictHas(members, '1')) return '0';
  throw new ReigniteError(code, `${file} cannot be used: it is an ensemble of several networks.`, {
    remedy: 'Give the checkpoint of one of them, or export the ensemble to ONNX and give the ONNX file instead.',
  });
}

/** Number of class names that are shown. */
const FEW = 5;
const PACKAGES = [
  [/^models\.yolo\./, 'YOLOv5'],
  [/^ultralytics\./, 'Ultralytics'],
] as const;

/** A checkpoint of YOLOv5 or Ultralytics, in words. */
export interface DetectorFamily {
  /** The class of its network, and its object classes. */
  readonly holds: string;
  /** What helps, if its network cannot be used. */
  readonly remedy?: string;
}

/**
 * Describes a checkpoint of YOLOv5 or Ultralytics.
 *
 * @returns Undefined for any other checkpoint.
 */
export function detectorFamily(root: PickleValue, file: string): DetectorFamily | undefined {
  try {
    const start = locate(root, file, 'CHECKPOINT_UNSUPPORTED');
    const { network } = findNetwork(start);
    const { value } = network;
    if (!isPickleObject(value) || value.kind !== 'reduced') return undefined;
    const className = withoutPackages(nameOfCallable(value));
    const family = PACKAGES.find(([pattern]) => pattern.test(className))?.[1];
    if (family === undefined) return undefined;
    const isDict = isPickleObject(root) && root.kind === 'dict';
    const release = isDict && dictHas(start, 'version') ? ` ${asString(dictGet(start, 'version'))}` : '';
    const names = namesOf(value.state);
    const shown =
      names.length === 0
        ? ''
        : `, ${names.length === 1 ? '1 class' : `${names.length} classes`}: ${names.slice(0, FEW).join(', ')}`;
    const kind = withArticle(className.split('.').at(-1) ?? '');
    const holds = `${kind} of ${family}${release}${shown}${names.length > FEW ? ' ...' : ''}`;
    const tree = readModuleTree(network);
    const refused = NETWORKS.has(tree.className) ? otherChannels(tree, file) : otherNetwork(tree, file);
    return { holds, ...(refused && { remedy: refused.remedy }) };
  } catch (error) {
    if (!(error instanceof ReigniteError)) throw error;
    return undefined;
  }

  function namesOf(state: PickleValue | undefined): readonly string[] {
    if (!isPickleObject(state) || state.kind !== 'dict') return [];
    const names = dictGet(locate(state, file, 'CHECKPOINT_UNSUPPORTED'), 'names');
    if (isPickleObject(names.value) && names.value.kind === 'dict') {
      return [...names.value.entries.values()].filter((name) => typeof name === 'string');
    }
    return names.value === undefined || names.value === null ? [] : asItems(names).map(nameOfClass);
  }
}
