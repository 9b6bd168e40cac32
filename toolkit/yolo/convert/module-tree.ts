import { ReigniteError } from '../../errors.ts';
import { asEntries, asObject, dictGet, dictHas, type Located } from '../../pytorch/pickle/access.ts';
import { isPickleObject, type PickleObject } from '../../pytorch/pickle/value.ts';
import type { TensorRef } from '../../pytorch/tensors/tensor.ts';

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
