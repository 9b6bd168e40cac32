import { ReigniteError } from '../../errors.ts';
import type { Checkpoint } from '../../pytorch/containers/checkpoint.ts';
import {
  asEntries,
  asObject,
  dictGet,
  dictHas,
  isPickleObject,
  type Located,
  type PickleObject,
  type PickleValue,
} from '../../pytorch/pickle/value.ts';
import { elementCount, type TensorRef } from '../../pytorch/tensors/tensor.ts';

/** One module of a pickled network: its class and contents, without its code. */
export interface ModuleNode {
  /** Path from the root in PyTorch's notation, such as `model.9.cv1`; empty for the root. */
  readonly place: string;
  /** Class with its package, such as `models.common.Conv`, without the prefix `yolov5.` of the PyPI package. */
  readonly className: string;
  /** The dict of its attributes. */
  readonly attributes: Located;
  /** Parameters and buffers by name, except those that are `None`. */
  readonly tensors: ReadonlyMap<string, TensorRef>;
  /** Submodules by name, in the order of the file. */
  readonly children: ReadonlyMap<string, ModuleNode>;
}

/** Far above the largest official network (about 1,000). Limited because memo references let a small file expand without end. */
const MAX_MODULES = 20_000;
/** YOLOv5 is used as a folder, a submodule or a package (`yolov5.`, `src.yolov5.`): its pickles name modules accordingly. */
const AROUND =
  /^(?:[A-Za-z_]\w*\.)+(?=models\.(?:common|yolo|experimental)\.\w+$|ultralytics\.nn\.(?:modules|tasks)\.)/;

/**
 * Reads a pickled tree of PyTorch modules.
 *
 * @param root - Location of the outermost module.
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED for anything but modules, for a module that contains itself, and for more
 *   than 20,000 modules.
 */
export function readModuleTree(root: Located): ModuleNode {
  return new TreeReader().read(root, '');
}

class TreeReader {
  readonly #within = new Set<PickleObject>();
  #count = 0;

  read(located: Located, place: string): ModuleNode {
    const { value } = located;
    if (!isPickleObject(value)) throw notAModule(located, place);
    if (this.#within.has(value)) throw refuse(located, `the module ${place} contains itself`);
    if (++this.#count > MAX_MODULES) throw refuse(located, `its network has more than ${MAX_MODULES} modules`);
    this.#within.add(value);
    const node = this.#readNode(located, place);
    this.#within.delete(value);
    return node;
  }

  #readNode(located: Located, place: string): ModuleNode {
    const { module, name, state } = asObject({ ...located, keys: place });
    const className = withoutPackages(`${module}.${name}`);
    const attributes = { ...state, keys: place };
    if (!isDict(attributes)) throw notAModule(located, place);
    const children = new Map<string, ModuleNode>();
    for (const [key, child] of present(attributes, '_modules')) {
      children.set(key, this.read(child, join(place, key)));
    }
    return {
      place,
      className,
      attributes,
      tensors: new Map([...tensorsOf(attributes, '_parameters'), ...tensorsOf(attributes, '_buffers')]),
      children,
    };
  }
}

/** Returns a class without the packages around those of YOLOv5 and Ultralytics. */
export function withoutPackages(className: string): string {
  return className.replace(AROUND, '');
}

/** Joins the path of a module and a name in PyTorch's notation. */
export function join(place: string, name: string): string {
  return place === '' ? name : `${place}.${name}`;
}

function tensorsOf(attributes: Located, key: string): readonly (readonly [string, TensorRef])[] {
  return present(attributes, key).map(([name, located]) => {
    const { value } = located;
    if (isPickleObject(value) && value.kind === 'tensor') return [name, value] as const;
    throw refuse(located, `${join(attributes.keys, name)} is not a tensor`);
  });
}

/** Returns the entries of a module's register, such as `_parameters`, that are not `None`. */
function present(attributes: Located, key: string): readonly (readonly [string, Located])[] {
  if (!dictHas(attributes, key)) return [];
  return asEntries(dictGet(attributes, key)).filter(([, { value }]) => value !== null);
}

function isDict({ value }: Located): boolean {
  return isPickleObject(value) && value.kind === 'dict';
}

function notAModule(located: Located, place: string): ReigniteError {
  return refuse(located, `${place === '' ? 'its network' : place} is not a module with attributes`);
}

function refuse({ file, code }: Located, what: string): ReigniteError {
  return new ReigniteError(code, `${file} is not supported: ${what}.`);
}

/** One tensor of the network, which is read on demand. */
export interface NetworkTensor {
  readonly shape: readonly number[];
  /** Reads the elements in C order as float32. Throws if one of them is not finite. */
  readonly read: () => Promise<Float32Array>;
}

/**
 * Tracks which tensors of a module tree are used, so that none is ignored by mistake. Every parameter and buffer must be
 * used or be marked as unused; anything else is an error. Tensors that are plain attributes (the stride, cached grids) are
 * not registered with PyTorch and need not be marked.
 */
export class TensorUsage {
  /** Path of the checkpoint. */
  readonly file: string;
  readonly #checkpoint: Pick<Checkpoint, 'readFloat32'>;
  readonly #tensors = new Map<string, TensorRef>();
  readonly #registered = new Set<string>();
  readonly #used = new Set<string>();
  readonly #unused = new Set<string>();
  #parameters = 0;

  constructor(root: ModuleNode, file: string, checkpoint: Pick<Checkpoint, 'readFloat32'>) {
    this.file = file;
    this.#checkpoint = checkpoint;
    this.#enter(root);
  }

  /** Number of elements in all tensors used so far. */
  get parameters(): number {
    return this.#parameters;
  }

  /** Names of the tensors that were not used, in the order of the tree. */
  get unused(): readonly string[] {
    return [...this.#tensors.keys()].filter((name) => !this.#used.has(name));
  }

  /** Returns whether the module has a tensor of that name. */
  has({ place }: ModuleNode, name: string): boolean {
    return this.#tensors.has(join(place, name));
  }

  /**
   * Marks a tensor as used and returns it.
   *
   * @param shape - Required shape; -1 allows any length.
   * @throws ReigniteError CHECKPOINT_UNSUPPORTED if no tensor has that name and shape.
   */
  use({ place, className }: ModuleNode, name: string, shape: readonly number[]): NetworkTensor {
    const full = join(place, name);
    const tensor = this.#tensors.get(full);
    if (tensor === undefined) throw this.#refuse(`the ${className} ${place} has no tensor ${name}`);
    const fits = tensor.shape.length === shape.length && shape.every((length, axis) => isLength(length, tensor, axis));
    if (!fits) {
      throw this.#refuse(`${full} is [${tensor.shape.join(', ')}], but the network needs [${shape.join(', ')}]`);
    }
    if (!this.#used.has(full)) this.#parameters += elementCount(tensor.shape);
    this.#used.add(full);
    return { shape: tensor.shape, read: () => this.#read(full, tensor) };
  }

  /** Marks tensors as unused, if they exist, because inference does not need them. */
  setAside({ place }: ModuleNode, ...names: readonly string[]): void {
    for (const name of names) this.#unused.add(join(place, name));
  }

  /** @throws ReigniteError CHECKPOINT_UNSUPPORTED naming tensors that were neither used nor marked as unused. */
  close(): void {
    const left = [...this.#registered].filter((name) => !this.#used.has(name) && !this.#unused.has(name));
    if (left.length === 0) return;
    const others = left.length === 1 ? '' : ` and ${left.length - 1} more (${left.slice(1, 4).join(', ')})`;
    throw this.#refuse(`nothing uses its tensor ${left[0]}${others}`);
  }

  #enter(module: ModuleNode): void {
    for (const [name, tensor] of module.tensors) {
      this.#tensors.set(join(module.place, name), tensor);
      this.#registered.add(join(module.place, name));
    }
    for (const [name, tensor] of attributeTensors(module)) {
      const full = join(module.place, name);
      if (!this.#tensors.has(full)) this.#tensors.set(full, tensor);
    }
    for (const child of module.children.values()) this.#enter(child);
  }

  /** Reads a tensor and checks it, because a single non-finite weight would silently spoil all boxes that depend on it. */
  async #read(name: string, tensor: TensorRef): Promise<Float32Array> {
    const values = await this.#checkpoint.readFloat32(tensor);
    for (const value of values) {
      if (Number.isFinite(value)) continue;
      const cause = `${this.file}: the parameter ${name} holds values that are not finite.`;
      const remedy = 'Use a checkpoint from before the training diverged, or download it again.';
      throw new ReigniteError('CHECKPOINT_CORRUPT', cause, { remedy });
    }
    return values;
  }

  #refuse(what: string): ReigniteError {
    return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${this.file} is not supported: ${what}.`);
  }
}

function isLength(length: number, { shape }: TensorRef, axis: number): boolean {
  return length === -1 || shape[axis] === length;
}

/** Lists tensors that are attributes, or items of a list or tuple that is an attribute. */
function attributeTensors({ attributes: { value } }: ModuleNode): readonly (readonly [string, TensorRef])[] {
  if (!isPickleObject(value) || value.kind !== 'dict') return [];
  return Array.from(value.entries).flatMap(([key, held]) => {
    if (typeof key !== 'string') return [];
    if (isTensor(held)) return [[key, held] as const];
    if (!isPickleObject(held) || (held.kind !== 'list' && held.kind !== 'tuple')) return [];
    return held.items.flatMap((item, index) => (isTensor(item) ? [[`${key}[${index}]`, item] as const] : []));
  });
}

function isTensor(value: PickleValue): value is TensorRef {
  return isPickleObject(value) && value.kind === 'tensor';
}
