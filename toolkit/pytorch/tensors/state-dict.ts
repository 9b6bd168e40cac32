import { isPickleObject, type PickleValue } from '../pickle/value.ts';
import type { TensorRef } from './tensor.ts';

/** Weights by name, without the network that they are for. */
export interface NamedTensors {
  /** Key under which they are; empty where they are the whole file. */
  readonly key: string;
  readonly tensors: ReadonlyMap<string, TensorRef>;
}

/** Where writers of checkpoints put the weights of a network. */
const USUAL_KEYS = ['state_dict', 'model_state_dict', 'network_weights', 'model', 'net', 'weights', 'params'];

/**
 * Finds the weights of a checkpoint that holds them by name: the file itself, or what is under a usual key.
 *
 * @returns Undefined where there is no dict that holds tensors alone.
 */
export function findStateDict(root: PickleValue): NamedTensors | undefined {
  const whole = tensorsOf(root);
  if (whole !== undefined) return { key: '', tensors: whole };
  if (!isPickleObject(root) || root.kind !== 'dict') return undefined;
  for (const key of USUAL_KEYS) {
    const tensors = tensorsOf(root.entries.get(key));
    if (tensors !== undefined) return { key, tensors };
  }
  return undefined;
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

/** Whether a pickle is what nnU-Net v1 writes besides its weights: the plans, or the settings of one training. */
export function isPlans(root: PickleValue): boolean {
  if (!isPickleObject(root) || root.kind !== 'dict') return false;
  const has = (...keys: readonly string[]) => keys.every((key) => root.entries.has(key));
  return has('plans_per_stage', 'num_stages') || has('init', 'plans');
}

/** What trainers put before every name. */
const PREFIX = /^(?:module\.|_orig_mod\.|network\.|net\.)+/;

/** Networks by names that their parameters have: one that matches each pattern. */
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

/** Says which network weights are for, by the names of their parameters; undefined where they are of no known one. */
export function networkOf({ tensors }: NamedTensors): string | undefined {
  const names = [...tensors.keys()].map((name) => name.replace(PREFIX, ''));
  return NETWORKS.find(([, ...patterns]) => patterns.every((pattern) => names.some((name) => pattern.test(name))))?.[0];
}
