import type { Checkpoint } from '../../../../toolkit/pytorch/containers/checkpoint.ts';
import {
  isPickleObject,
  type PickleDict,
  type PickleReduced,
  type PickleValue,
} from '../../../../toolkit/pytorch/pickle/value.ts';

export function dict(entries: Readonly<Record<string, PickleValue>>): PickleDict {
  return { kind: 'dict', entries: new Map(Object.entries(entries)), attributes: undefined };
}

export function list(...items: PickleValue[]): PickleValue {
  return { kind: 'list', items };
}

/** A module as a pickle describes it. */
export function moduleOf(className: string, children: Readonly<Record<string, PickleValue>>): PickleReduced {
  const at = className.lastIndexOf('.');
  return {
    kind: 'reduced',
    callable: { kind: 'global', module: className.slice(0, at), name: className.slice(at + 1) },
    args: [],
    kwargs: undefined,
    state: dict({ _parameters: dict({}), _buffers: dict({}), _modules: dict(children) }),
    appended: undefined,
    entries: undefined,
  };
}

/** The pickled module at a place of the checkpoint's network, such as `model.9.cv1`; the network itself at ''. */
export function moduleAt(checkpoint: Checkpoint, place: string, network = 'model'): PickleReduced {
  let module = entry(checkpoint.root, network);
  for (const name of place === '' ? [] : place.split('.'))
    module = entry(entry(attributesOf(module), '_modules'), name);
  if (isPickleObject(module) && module.kind === 'reduced') return module;
  throw new TypeError(`There is no module ${place}`);
}

/** The attributes of a module, to be changed. */
export function attributesAt(checkpoint: Checkpoint, place: string): Map<PickleValue, PickleValue> {
  return attributesOf(moduleAt(checkpoint, place)).entries;
}

/** A register of a module (`_modules`, `_parameters`, `_buffers`), to be changed. */
export function registerAt(checkpoint: Checkpoint, place: string, name: string): Map<PickleValue, PickleValue> {
  const register = attributesAt(checkpoint, place).get(name);
  if (isPickleObject(register) && register.kind === 'dict') return register.entries;
  throw new TypeError(`${place} has no ${name}`);
}

function attributesOf(module: PickleValue): PickleDict {
  const state = isPickleObject(module) && module.kind === 'reduced' ? module.state : undefined;
  if (isPickleObject(state) && state.kind === 'dict') return state;
  throw new TypeError('A module has no attributes');
}

function entry(value: PickleValue, key: string): PickleValue {
  const found = isPickleObject(value) && value.kind === 'dict' ? value.entries.get(key) : undefined;
  if (found === undefined) throw new TypeError(`There is no entry ${key}`);
  return found;
}
