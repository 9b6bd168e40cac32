import { ReigniteError } from '../../errors.ts';
import type { GraphBuilder, OnnxGraph, Value } from '../../onnx/graph/graph.ts';
import type { Checkpoint } from '../../pytorch/containers/checkpoint.ts';
import {
  asEntries,
  asString,
  asTensor,
  dictGet,
  dictHas,
  type Located,
  locate,
  type PickleValue,
} from '../../pytorch/pickle/value.ts';
import { findStateDict, type NamedTensors, ownName } from '../../pytorch/tensors/state-dict.ts';
import type { TensorRef } from '../../pytorch/tensors/tensor.ts';
import type { ModelCard } from '../model-card.ts';

/** One tensor of a checkpoint. Its elements are read on demand. */
export interface StateTensor {
  readonly shape: readonly number[];
  /** Reads the elements in C order, widened to float32. */
  readonly read: () => Promise<Float32Array>;
}

/** Parameters and buffers of a network by name, in the order of the checkpoint. */
export type StateDict = ReadonlyMap<string, StateTensor>;

/** Weights of a checkpoint, each under a single name. */
export interface CheckpointStateDict {
  readonly tensors: StateDict;
  /** Whether a prefix was removed from any name, see `ownName`. */
  readonly parallelPrefix: boolean;
}

/**
 * Returns the `state_dict` of an nnU-Net v1 checkpoint. Tensors are read on demand, while the checkpoint is open.
 * Training state such as epoch, optimizer and learning curves is not read.
 *
 * @param path - Of the checkpoint, for messages.
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED when there is no state dict of tensors; PARAMETER_UNKNOWN when a name
 *   occurs twice, with different prefixes, see `ownName`.
 */
export function v1StateDict(checkpoint: Checkpoint, path: string): CheckpointStateDict {
  const root = locate(checkpoint.root, path, 'CHECKPOINT_UNSUPPORTED');
  // Files that nnU-Net did not write, such as safetensors files, may contain nothing but weights.
  const key = findStateDict(root.value ?? null)?.key ?? 'state_dict';
  const entries = asEntries(key === '' ? root : dictGet(root, key));
  const tensors = new Map<string, StateTensor>();
  let parallelPrefix = false;
  for (const [fullName, located] of entries) {
    const name = ownName(fullName);
    parallelPrefix ||= name !== fullName;
    const tensor = asTensor(located);
    if (tensors.has(name)) throw new ReigniteError('PARAMETER_UNKNOWN', `${path}: the parameter ${name} occurs twice.`);
    tensors.set(name, parameterOf(checkpoint, name, tensor));
  }
  return { tensors, parallelPrefix };
}

/**
 * Reads the `network_weights` of a checkpoint. PyTorch lists a module once per attribute that refers to it: the encoder
 * also as `decoder.encoder`, a convolution and its norm also as parts of `all_modules`. Further names must refer to the
 * same storage or contain the same numbers.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED if there are no weights; PARAMETER_UNKNOWN if two names of one tensor
 *   have different numbers.
 */
export async function v2StateDict(checkpoint: Checkpoint, path: string): Promise<CheckpointStateDict> {
  const root = locate(checkpoint.root, path, 'CHECKPOINT_UNSUPPORTED');
  const bare = findBareWeights(checkpoint);
  const weights =
    bare === undefined ? dictGet(root, 'network_weights') : bare.key === '' ? root : dictGet(root, bare.key);
  const entries = asEntries(weights);
  const first = new Map<string, { readonly name: string; readonly tensor: TensorRef }>();
  for (const [fullName, located] of entries) {
    const tensor = asTensor(located);
    const name = canonicalName(fullName);
    const present = first.get(name);
    if (present === undefined) first.set(name, { name: fullName, tensor });
    else await requireSame(checkpoint, present, { name: fullName, tensor });
  }
  const tensors = Array.from(first, ([name, { tensor }]): [string, StateTensor] => [
    name,
    parameterOf(checkpoint, name, tensor),
  ]);
  const parallelPrefix = entries.some(([name]) => ownName(name) !== name);
  return { tensors: new Map(tensors), parallelPrefix };
}

/** Maps all names of a tensor to one. In `all_modules`, which lists convolution, dropout, norm, activation, two have tensors. */
function canonicalName(name: string): string {
  return ownName(name)
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

/** Finds named weights in a file that nnU-Net did not write, such as a safetensors file. */
export function findBareWeights({ root }: Checkpoint): NamedTensors | undefined {
  const found = findStateDict(root);
  return found?.key === 'network_weights' ? undefined : found;
}

const FLOATING: ReadonlySet<string> = new Set(['float16', 'bfloat16', 'float32', 'float64']);

/** Returns a parameter that is read on demand. Integers are refused then: quantised weights need scales that are unknown here. */
function parameterOf(checkpoint: Checkpoint, name: string, tensor: TensorRef): StateTensor {
  const { dtype, shape } = tensor;
  const read = async () => {
    if (FLOATING.has(dtype)) return checkpoint.readFloat32(tensor);
    throw new ReigniteError(
      'CHECKPOINT_UNSUPPORTED',
      `${checkpoint.path}: the parameter ${name} is stored as ${dtype}; quantised weights are not supported.`,
      { remedy: 'Give the weights as they were before quantisation, or export the quantised model to ONNX.' },
    );
  };
  return { shape, read };
}

/**
 * Matches parameter names of nnU-Net v1's encoder as nnU-Net writes them, with or without the DataParallel prefix. Files
 * of other programs have other prefixes; they are weights by name, and need their plans.
 */
const V1_ENCODER = /^(?:module\.)?conv_blocks_context\./;

/**
 * Describes an nnU-Net checkpoint, which is recognised by the keys that nnU-Net writes.
 *
 * @param root - The unpickled content of the file.
 * @returns Undefined if it is not an nnU-Net checkpoint.
 */
export function checkpointFamily(root: PickleValue, file: string): string | undefined {
  try {
    const dict = locate(root, file, 'CHECKPOINT_UNSUPPORTED');
    if (dictHas(dict, 'network_weights') && dictHas(dict, 'trainer_name')) return v2Family(dict);
    if (dictHas(dict, 'state_dict')) {
      const names = asEntries(dictGet(dict, 'state_dict')).map(([name]) => name);
      if (names.some((name) => V1_ENCODER.test(name))) return 'weights of an nnU-Net v1 model: a dict';
    }
  } catch (error) {
    if (!(error instanceof ReigniteError)) throw error;
  }
  return undefined;
}

function v2Family(dict: Located): string {
  const trainer = asString(dictGet(dict, 'trainer_name'));
  const configuration = asString(dictGet(dictGet(dict, 'init_args'), 'configuration'));
  return `weights of an nnU-Net v2 model: a dict, trainer ${trainer}, configuration ${configuration}`;
}

/**
 * Adds weights of a checkpoint to a graph. Reading them fails if one is not finite, because it would silently turn
 * every pixel it affects into the first class.
 *
 * @param source - The checkpoint, for messages.
 * @throws ReigniteError CHECKPOINT_CORRUPT, when the model is written.
 */
export function finiteTensor(
  graph: GraphBuilder,
  name: string,
  shape: readonly number[],
  source: string,
  read: () => Promise<Float32Array>,
): Value {
  return graph.tensor({ name, elementType: 'float32', shape, read: async () => finite(name, source, await read()) });
}

function finite(name: string, source: string, values: Float32Array): Float32Array {
  for (const value of values) {
    if (Number.isFinite(value)) continue;
    const cause = `${source}: the parameter ${name} holds values that are not finite.`;
    const remedy = 'Use a checkpoint from before the training diverged, or download it again.';
    throw new ReigniteError('CHECKPOINT_CORRUPT', cause, { remedy });
  }
  return values;
}

/**
 * Tracks which tensors of a state dict are used, so that none is silently ignored: each is used, set aside on purpose,
 * or an error.
 */
export class StateDictTracker {
  readonly #tensors: StateDict;
  /** Path of the checkpoint. */
  readonly source: string;
  readonly #used = new Set<string>();
  readonly #unused = new Set<string>();
  #parameters = 0;

  constructor(tensors: StateDict, source: string) {
    this.#tensors = tensors;
    this.source = source;
  }

  /** Elements of all tensors used so far. */
  get parameters(): number {
    return this.#parameters;
  }

  /** Names set aside so far, in the order of the checkpoint. */
  get unused(): readonly string[] {
    return [...this.#tensors.keys()].filter((name) => this.#unused.has(name));
  }

  /** Returns whether the checkpoint has a tensor of such a name. */
  hasAny(name: RegExp): boolean {
    return [...this.#tensors.keys()].some((key) => name.test(key));
  }

  /**
   * Uses a tensor.
   *
   * @throws ReigniteError PARAMETER_MISSING if no tensor has this name and shape.
   */
  use(name: string, shape: readonly number[]): StateTensor {
    const tensor = this.#find(name, shape);
    this.#used.add(name);
    this.#parameters += shape.reduce((product, axis) => product * axis, 1);
    return tensor;
  }

  /**
   * Sets aside a tensor of the original network that inference does not need.
   *
   * @throws ReigniteError PARAMETER_MISSING if no tensor has this name and shape.
   */
  setAside(name: string, shape: readonly number[]): void {
    this.#find(name, shape);
    this.#unused.add(name);
  }

  /** Sets aside a tensor if the checkpoint contains it. */
  setAsideIfPresent(name: string, shape: readonly number[]): void {
    if (this.#tensors.has(name)) this.setAside(name, shape);
  }

  /** @throws ReigniteError PARAMETER_UNKNOWN naming what was neither used nor set aside. */
  close(): void {
    const left = [...this.#tensors.keys()].filter((name) => !this.#used.has(name) && !this.#unused.has(name));
    if (left.length === 0) return;
    const others = left.length === 1 ? '' : ` (and ${left.length - 1} more: ${left.slice(1, 4).join(', ')})`;
    throw new ReigniteError(
      'PARAMETER_UNKNOWN',
      `${this.source}: the network of its plans has no parameter ${left[0]}${others}.`,
    );
  }

  #find(name: string, shape: readonly number[]): StateTensor {
    const tensor = this.#tensors.get(name);
    const expected = `[${shape.join(', ')}]`;
    if (tensor === undefined) {
      throw new ReigniteError('PARAMETER_MISSING', `${this.source}: there is no parameter ${name} ${expected}.`);
    }
    const found = `[${tensor.shape.join(', ')}]`;
    if (found !== expected) {
      throw new ReigniteError(
        'PARAMETER_MISSING',
        `${this.source}: the parameter ${name} is ${found}; its plans need ${expected}.`,
      );
    }
    return tensor;
  }
}

/** How to convert the folds of a model to ONNX, which depends on the version of nnU-Net. */
export interface ModelRecipe {
  /** Description of the model, without its sources and folds. */
  readonly card: Omit<ModelCard, 'digest' | 'plansSha256' | 'datasetSha256' | 'folds'>;
  weights(checkpoint: Checkpoint, path: string): Promise<CheckpointStateDict>;
  graph(tracker: StateDictTracker): OnnxGraph;
}
