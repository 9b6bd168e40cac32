import { ReigniteError } from '../../errors.ts';
import type { Checkpoint } from '../../pytorch/containers/checkpoint.ts';
import {
  asEntries,
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
import { findStateDict, type NamedTensors } from '../../pytorch/tensors/state-dict.ts';
import type { TensorRef } from '../../pytorch/tensors/tensor.ts';
import type { StateDict, StateTensor } from '../convert/state-dict.ts';

/** What an nnU-Net v2 checkpoint contains besides its weights. */
export interface V2Training {
  readonly trainer: string;
  /** Name of the configuration among the plans, such as `2d`. */
  readonly configuration: string;
  /** Axes along which the training mirrored its images, 0 for rows and 1 for columns; empty if it did not. */
  readonly mirrorAxes: readonly number[];
}

/**
 * Reads trainer, configuration and mirror axes.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED if the file is not a checkpoint of nnU-Net v2.
 */
export function v2Training(checkpoint: Checkpoint, path: string): V2Training {
  const root = locate(checkpoint.root, path, 'CHECKPOINT_UNSUPPORTED');
  if (findBareWeights(checkpoint) !== undefined) return BARE;
  const axes = 'inference_allowed_mirroring_axes';
  const mirrorAxes = dictHas(root, axes) ? asItems(dictGet(root, axes)).map(asAxis) : [];
  return {
    trainer: asString(dictGet(root, 'trainer_name')),
    configuration: asString(dictGet(dictGet(root, 'init_args'), 'configuration')),
    mirrorAxes: [...new Set(mirrorAxes)],
  };
}

/** The usual settings, for files that contain nothing but weights. */
const BARE: V2Training = { trainer: 'unknown', configuration: '2d', mirrorAxes: [] };

/** Finds named weights in a file that nnU-Net did not write, such as a safetensors file. */
function findBareWeights({ root }: Checkpoint): NamedTensors | undefined {
  const found = findStateDict(root);
  return found?.key === 'network_weights' ? undefined : found;
}

function asAxis(located: Located): number {
  const axis = asInteger(located);
  if (axis === 0 || axis === 1) return axis;
  throw refusal(located, 'an axis of a 2D image, 0 or 1,');
}

/** Weights, each under a single name. */
export interface V2StateDict {
  readonly tensors: StateDict;
  /** Number of further names that the checkpoint has for these tensors. */
  readonly duplicates: number;
}

/** Prefixes of DataParallel and of torch.compile. */
const WRAPPERS = /^(?:module\.|_orig_mod\.)+/;

/**
 * Reads the `network_weights` of a checkpoint. PyTorch lists a module once per attribute that refers to it: the encoder
 * also as `decoder.encoder`, a convolution and its norm also as parts of `all_modules`. Further names must refer to the
 * same storage or contain the same numbers.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED if there are no weights; PARAMETER_UNKNOWN if two names of one tensor
 *   have different numbers.
 */
export async function v2StateDict(checkpoint: Checkpoint, path: string): Promise<V2StateDict> {
  const root = locate(checkpoint.root, path, 'CHECKPOINT_UNSUPPORTED');
  const bare = findBareWeights(checkpoint);
  const weights =
    bare === undefined ? dictGet(root, 'network_weights') : bare.key === '' ? root : dictGet(root, bare.key);
  const entries = asEntries(weights);
  const first = new Map<string, { readonly name: string; readonly tensor: TensorRef }>();
  let duplicates = 0;
  for (const [fullName, located] of entries) {
    const tensor = asTensor(located);
    const name = canonicalName(fullName);
    const present = first.get(name);
    if (present === undefined) first.set(name, { name: fullName, tensor });
    else {
      await requireSame(checkpoint, present, { name: fullName, tensor });
      duplicates++;
    }
  }
  const tensors = Array.from(first, ([name, { tensor }]): [string, StateTensor] => [
    name,
    { shape: tensor.shape, read: () => checkpoint.readFloat32(tensor) },
  ]);
  return { tensors: new Map(tensors), duplicates };
}

/** Maps all names of a tensor to one. In `all_modules`, which lists convolution, dropout, norm, activation, two have tensors. */
function canonicalName(name: string): string {
  return name
    .replace(WRAPPERS, '')
    .replace(/^decoder\.encoder\./, 'encoder.')
    .replace(/\.all_modules\.0\.(?=[^.]+$)/, '.conv.')
    .replace(/\.all_modules\.\d\.(?=[^.]+$)/, '.norm.');
}

interface NamedTensor {
  readonly name: string;
  readonly tensor: TensorRef;
}

async function requireSame(checkpoint: Checkpoint, one: NamedTensor, other: NamedTensor): Promise<void> {
  if (layoutOf(one.tensor) === layoutOf(other.tensor)) return;
  const isSameShape = one.tensor.shape.join() === other.tensor.shape.join();
  if (isSameShape && (await haveSameNumbers(checkpoint, one.tensor, other.tensor))) return;
  throw new ReigniteError(
    'PARAMETER_UNKNOWN',
    `${checkpoint.path}: ${one.name} and ${other.name} should be the same tensor and are not.`,
  );
}

function layoutOf({ storage, dtype, shape, strides, offset }: TensorRef): string {
  return [storage.key, storage.byteOffset, dtype, offset, shape.join(), strides.join()].join('/');
}

async function haveSameNumbers(checkpoint: Checkpoint, one: TensorRef, other: TensorRef): Promise<boolean> {
  const [a, b] = [await checkpoint.readFloat32(one), await checkpoint.readFloat32(other)];
  return a.every((value, index) => Object.is(value, b[index]));
}
