import { isPickleObject, type PickleValue } from '../pickle/value.ts';
import type { TensorRef } from './tensor.ts';

/** Weights by name, without the network that they belong to. */
export interface NamedTensors {
  /** Key of the weights; empty if they are the whole file. */
  readonly key: string;
  readonly tensors: ReadonlyMap<string, TensorRef>;
}

/** Keys under which programs store the weights of a network. */
const USUAL_KEYS = ['state_dict', 'model_state_dict', 'network_weights', 'model', 'net', 'weights', 'params'];
/** Keys of moving averages, which are used if there is nothing else. */
const AVERAGE_KEYS = ['ema_state_dict', 'state_dict_ema', 'model_ema', 'ema'];

/**
 * Finds the weights of a checkpoint that are stored by name: the whole file, or the value of a usual key.
 *
 * @returns Undefined if there is no dict that contains only tensors.
 */
export function findStateDict(root: PickleValue): NamedTensors | undefined {
  const whole = tensorsOf(root);
  if (whole !== undefined) return { key: '', tensors: whole };
  if (!isPickleObject(root) || root.kind !== 'dict') return undefined;
  for (const key of [...USUAL_KEYS, ...AVERAGE_KEYS]) {
    const tensors = tensorsOf(root.entries.get(key));
    if (tensors !== undefined) return { key, tensors };
  }
  return undefined;
}

/**
 * Returns the key of a moving average that a checkpoint has next to other weights. Those are used, since nnU-Net knows no
 * moving averages.
 */
export function averageBeside(root: PickleValue): string | undefined {
  const used = findStateDict(root)?.key;
  if (used === undefined || !isPickleObject(root) || root.kind !== 'dict') return undefined;
  return AVERAGE_KEYS.find((key) => key !== used && tensorsOf(root.entries.get(key)) !== undefined);
}

function tensorsOf(value: PickleValue | undefined): ReadonlyMap<string, TensorRef> | undefined {
  if (!isPickleObject(value) || value.kind !== 'dict' || value.entries.size === 0) return undefined;
  const tensors = new Map<string, TensorRef>();
  for (const [name, tensor] of value.entries) {
    if (typeof name !== 'string' || !isPickleObject(tensor) || tensor.kind !== 'tensor') return undefined;
    tensors.set(name, tensor);
  }
  return tensors;
}

/** Returns whether a pickle is one that nnU-Net v1 writes with its weights: plans, or the settings of a training. */
export function isPlans(root: PickleValue): boolean {
  if (!isPickleObject(root) || root.kind !== 'dict') return false;
  const has = (...keys: readonly string[]) => keys.every((key) => root.entries.has(key));
  return has('plans_per_stage', 'num_stages') || has('init', 'plans');
}

/** Prefixes of DataParallel, torch.compile and modules that hold the network, such as those of Lightning. */
const PREFIX = /^(?:(?:module|_orig_mod|network|net|model)\.)+/;
/** The same but for `model`, with which the parameters of some networks start. */
const OUTER_PREFIX = /^(?:(?:module|_orig_mod|network|net)\.)+/;

/** Returns the name that a parameter has in the network itself. Not for networks whose own names start with `model`. */
export function ownName(name: string): string {
  return name.replace(PREFIX, '');
}

/** Networks by the names of their parameters. Each pattern must match at least one name. */
const NETWORKS: readonly (readonly [what: string, ...patterns: RegExp[]])[] = [
  ['an nnU-Net v2 network', /^encoder\.stages\.\d+\.|^encoder\.stem\./, /^decoder\.seg_layers\./],
  ['an nnU-Net v1 network', /^conv_blocks_context\./, /^seg_outputs\./],
  ['a network of segmentation_models_pytorch', /^decoder\./, /^segmentation_head\./],
  ['a HoVer-Net', /^decoder\.(?:np|hv)\./],
  ['a Cellpose network', /^downsample\.down\.res_down_0\./],
  ['Segment Anything', /image_encoder\./, /mask_decoder\./],
  ['a U-Net of MONAI', /^model\.0\.conv\./, /^model\.1\.submodule\./],
  ['a YOLO network', /^model\.\d+\.conv\.weight$/, /^model\.\d+\.(?:m|cv2)\./],
  ['a segmentation network of torchvision', /^backbone\./, /^classifier\./],
  ['a ResNet', /^(?:model\.|encoder\.|backbone\.)?layer1\.0\.conv1\.weight$/],
  ['a DenseNet', /features\.denseblock1\./],
  ['a ConvNeXt', /stages\.0\.blocks\.0\.conv_dw\./],
  ['an EfficientNet', /_blocks\.0\._depthwise_conv\.|blocks\.0\.0\.conv_dw\./],
  ['a vision transformer', /blocks\.0\.attn\.|layer\.0\.attention\.|encoder_layer_0\.self_attention/],
];

/** Returns the network that weights belong to, from the names of their parameters; undefined if it is unknown. */
export function networkOf({ tensors }: NamedTensors): string | undefined {
  const find = (names: readonly string[]) =>
    NETWORKS.find(([, ...patterns]) => patterns.every((pattern) => names.some((name) => pattern.test(name))))?.[0];
  const names = [...tensors.keys()];
  return find(names.map((name) => name.replace(OUTER_PREFIX, ''))) ?? find(names.map(ownName));
}
