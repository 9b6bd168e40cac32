import type { PickleContext } from './pickle-context.ts';
import type { OpcodeTable, PickleMachine } from './pickle-machine.ts';
import type { Mutable } from './value.ts';
import {
  describe,
  isPickleObject,
  type PickleDict,
  type PickleReduced,
  type PickleSet,
  type PickleValue,
} from './value.ts';

/** Opcodes that create and fill lists, tuples, dicts and sets. */
export const CONTAINER_OPCODES: OpcodeTable = {
  // EMPTY_LIST, LIST, APPEND, APPENDS
  ']': (machine) => machine.pushNew({ kind: 'list', items: [] }),
  l: (machine) => machine.pushNew({ kind: 'list', items: machine.popToMark() }),
  a: (machine) => {
    const item = machine.pop();
    append(machine, [item]);
  },
  e: (machine) => append(machine, machine.popToMark()),
  // EMPTY_TUPLE, TUPLE, TUPLE1, TUPLE2, TUPLE3
  ')': (machine) => machine.pushNew({ kind: 'tuple', items: [] }),
  t: (machine) => machine.pushNew({ kind: 'tuple', items: machine.popToMark() }),
  '\x85': (machine) => pushTuple(machine, 1),
  '\x86': (machine) => pushTuple(machine, 2),
  '\x87': (machine) => pushTuple(machine, 3),
  // EMPTY_DICT, DICT, SETITEM, SETITEMS
  '}': (machine) => machine.pushNew(emptyDict()),
  d: (machine) => {
    const items = machine.popToMark();
    const dict = emptyDict();
    setEntries(dict.entries, items, machine.context);
    machine.pushNew(dict);
  },
  s: (machine) => {
    const value = machine.pop();
    const key = machine.pop();
    setEntries(entriesOf(machine), [key, value], machine.context);
  },
  u: (machine) => {
    const items = machine.popToMark();
    setEntries(entriesOf(machine), items, machine.context);
  },
  // EMPTY_SET, ADDITEMS, FROZENSET
  '\x8f': (machine) => machine.pushNew({ kind: 'set', items: new Set() }),
  '\x90': (machine) => addItems(machine, machine.popToMark()),
  '\x91': (machine) => machine.pushNew(setOf(machine.popToMark(), machine.context)),
};

/** Creates an empty dict. */
export function emptyDict(): PickleDict {
  return { kind: 'dict', entries: new Map(), attributes: undefined };
}

/** Creates a set of the items. */
export function setOf(items: Iterable<PickleValue>, context: PickleContext): PickleSet {
  const set = new Set<PickleValue>();
  for (const item of items) set.add(hashable(item, context));
  return { kind: 'set', items: set };
}

/** Sets entries from alternating keys and values. */
export function setEntries(
  entries: Map<PickleValue, PickleValue>,
  items: readonly PickleValue[],
  context: PickleContext,
): void {
  if (items.length % 2 !== 0) throw context.corrupt('a dict has a key without a value');
  for (let index = 0; index < items.length; index += 2) {
    entries.set(hashable(items[index] ?? null, context), items[index + 1] ?? null);
  }
}

/** Refuses keys that Python refuses, and large integers, because many of them make a Map slow. */
function hashable(key: PickleValue, context: PickleContext): PickleValue {
  if (typeof key === 'bigint') throw context.unsupported('a dict or set has a key beyond 2^53');
  if (isPickleObject(key) && (key.kind === 'list' || key.kind === 'dict' || key.kind === 'array')) {
    throw context.corrupt(`a dict or set has ${describe(key)} as a key`);
  }
  return key;
}

function pushTuple(machine: PickleMachine, length: number): void {
  const items: PickleValue[] = [];
  for (let index = 0; index < length; index++) items.unshift(machine.pop());
  machine.pushNew({ kind: 'tuple', items });
}

function append(machine: PickleMachine, items: readonly PickleValue[]): void {
  const target = machine.top();
  if (isPickleObject(target) && target.kind === 'list') extend(target.items, items);
  else if (isPickleObject(target) && target.kind === 'reduced') extend(appendedOf(target), items);
  else throw machine.context.corrupt(`items are appended to ${describe(target)}`);
}

function addItems(machine: PickleMachine, items: readonly PickleValue[]): void {
  const target = machine.top();
  if (isPickleObject(target) && target.kind === 'set') {
    for (const item of items) target.items.add(hashable(item, machine.context));
  } else if (isPickleObject(target) && target.kind === 'reduced') extend(appendedOf(target), items);
  else throw machine.context.corrupt(`items are added to ${describe(target)}`);
}

function entriesOf(machine: PickleMachine): Map<PickleValue, PickleValue> {
  const target = machine.top();
  if (isPickleObject(target) && target.kind === 'dict') return target.entries;
  if (isPickleObject(target) && target.kind === 'reduced') {
    const reduced: Mutable<PickleReduced> = target;
    reduced.entries ??= new Map();
    return reduced.entries;
  }
  throw machine.context.corrupt(`entries are set on ${describe(target)}`);
}

function appendedOf(target: PickleReduced): PickleValue[] {
  const reduced: Mutable<PickleReduced> = target;
  reduced.appended ??= [];
  return reduced.appended;
}

/** Not `push(...items)`, because a long list would overflow the call stack. */
function extend(list: PickleValue[], items: readonly PickleValue[]): void {
  for (const item of items) list.push(item);
}
