import {
  decodeInteger,
  decodeQuoted,
  decodeRawUnicodeEscape,
  decodeUtf8,
  latin1,
  parseFloat64,
  parseInteger,
} from './pickle-bytes.ts';
import type { PickleContext } from './pickle-context.ts';
import type { OpcodeTable, PickleMachine } from './pickle-machine.ts';
import {
  describe,
  isPickleObject,
  type Mutable,
  type PickleDict,
  type PickleReduced,
  type PickleSet,
  type PickleValue,
} from './value.ts';

/** Opcodes for None, booleans, numbers, strings and bytes, of all protocols. */
export const SCALAR_OPCODES: OpcodeTable = {
  // NONE, NEWTRUE, NEWFALSE
  N: (machine) => machine.push(null),
  '\x88': (machine) => machine.push(true),
  '\x89': (machine) => machine.push(false),
  // INT, BININT, BININT1, BININT2
  I: (machine) => machine.pushNew(integerOrBoolean(machine)),
  J: (machine) => machine.push(machine.reader.int32()),
  K: (machine) => machine.push(machine.reader.uint8()),
  M: (machine) => machine.push(machine.reader.uint16()),
  // LONG, LONG1, LONG4
  L: (machine) => machine.pushNew(parseInteger(machine.reader.line(), machine.context)),
  '\x8a': (machine) => pushInteger(machine, machine.reader.uint8()),
  '\x8b': (machine) => pushInteger(machine, machine.reader.int32()),
  // FLOAT, BINFLOAT
  F: (machine) => machine.pushNew(parseFloat64(machine.reader.line(), machine.context)),
  G: (machine) => machine.pushNew(machine.reader.doubleBigEndian()),
  // STRING, BINSTRING, SHORT_BINSTRING
  S: (machine) => machine.pushNew(decodeQuoted(machine.reader.line(), machine.context)),
  T: (machine) => machine.pushNew(latin1(take(machine, machine.reader.int32()))),
  U: (machine) => machine.pushNew(latin1(take(machine, machine.reader.uint8()))),
  // UNICODE, SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
  V: (machine) => machine.pushNew(decodeRawUnicodeEscape(machine.reader.line(), machine.context)),
  '\x8c': (machine) => pushText(machine, machine.reader.uint8()),
  X: (machine) => pushText(machine, machine.reader.uint32()),
  '\x8d': (machine) => pushText(machine, machine.reader.length64()),
  // SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8
  C: (machine) => pushBytes(machine, machine.reader.uint8()),
  B: (machine) => pushBytes(machine, machine.reader.uint32()),
  '\x8e': (machine) => pushBytes(machine, machine.reader.length64()),
  '\x96': (machine) => pushBytes(machine, machine.reader.length64()),
};

/** INT writes booleans as `00` and `01`; no integer starts like this. */
function integerOrBoolean(machine: PickleMachine): number | bigint | boolean {
  const line = machine.reader.line();
  const text = latin1(line.subarray(0, 3));
  if (text === '00' || text === '01') return text === '01';
  return parseInteger(line, machine.context);
}

function pushInteger(machine: PickleMachine, length: number): void {
  machine.pushNew(decodeInteger(take(machine, length), machine.context));
}

function pushText(machine: PickleMachine, length: number): void {
  machine.pushNew(decodeUtf8(machine.reader.take(length), machine.context));
}

function pushBytes(machine: PickleMachine, length: number): void {
  machine.pushNew(new Uint8Array(machine.reader.take(length)));
}

/** Takes bytes whose length the format stores with a sign. */
function take(machine: PickleMachine, length: number): Uint8Array {
  if (length < 0) throw machine.context.corrupt(`the length at byte ${machine.opcodeAt} is negative`);
  return machine.reader.take(length);
}

const HIGHEST_PROTOCOL = 5;

/** Opcodes for the stack, the memo and the frames. */
export const MACHINE_OPCODES: OpcodeTable = {
  // PROTO, FRAME
  '\x80': (machine) => {
    const protocol = machine.reader.uint8();
    if (protocol > HIGHEST_PROTOCOL) throw machine.context.unsupported(`it is of pickle protocol ${protocol}`);
  },
  // The length of a frame is only a hint for reading ahead, but it must be within the file.
  '\x95': (machine) => void machine.reader.length64(),
  // MARK, POP, POP_MARK, DUP
  '(': (machine) => machine.mark(),
  '0': (machine) => machine.drop(),
  '1': (machine) => void machine.popToMark(),
  '2': (machine) => machine.push(machine.top()),
  // PUT, BINPUT, LONG_BINPUT, MEMOIZE
  p: (machine) => machine.memoize(memoIndex(machine)),
  q: (machine) => machine.memoize(machine.reader.uint8()),
  r: (machine) => machine.memoize(machine.reader.uint32()),
  '\x94': (machine) => machine.memoize(),
  // GET, BINGET, LONG_BINGET
  g: (machine) => machine.push(machine.remembered(memoIndex(machine))),
  h: (machine) => machine.push(machine.remembered(machine.reader.uint8())),
  j: (machine) => machine.push(machine.remembered(machine.reader.uint32())),
};

function memoIndex(machine: PickleMachine): number {
  const index = parseInteger(machine.reader.line(), machine.context);
  if (typeof index !== 'number' || index < 0) throw machine.context.corrupt('a memo index is not a natural number');
  return index;
}

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
