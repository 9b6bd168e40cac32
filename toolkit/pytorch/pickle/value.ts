import { type ErrorCode, ReigniteError } from '../../errors.ts';
import { withArticle } from '../../format.ts';
import type { StorageRef, TensorRef } from '../tensors/tensor.ts';

/**
 * The content of a pickle as plain data. Nothing in it was executed, and nothing in it can be.
 *
 * - `None`, booleans, strings and numbers are JavaScript's own; an integer beyond ±(2^53 − 1) is a bigint.
 * - `bytes` and `bytearray` are a Uint8Array.
 * - Python 2 strings are read as Latin-1, which loses nothing.
 * - Everything else is an object with a `kind`.
 *
 * Values are shared by reference where the pickle shares them, and may contain themselves: code that walks a value must
 * track visited objects.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleList
  | PickleTuple
  | PickleDict
  | PickleSet
  | PickleGlobal
  | PickleReduced
  | PicklePersistent
  | NumpyDType
  | NumpyArray
  | StorageRef
  | TensorRef;

export interface PickleList {
  readonly kind: 'list';
  readonly items: PickleValue[];
}

export interface PickleTuple {
  readonly kind: 'tuple';
  readonly items: readonly PickleValue[];
}

/** dict, OrderedDict or defaultdict, in insertion order. */
export interface PickleDict {
  readonly kind: 'dict';
  /** Keys compare as in a JavaScript Map: composite keys (tuples, bytes) by identity, `True` apart from 1. */
  readonly entries: Map<PickleValue, PickleValue>;
  /** The `BUILD` state of an OrderedDict: its Python attributes, such as `_metadata` of a state dict. */
  readonly attributes: PickleValue | undefined;
}

/** set or frozenset. */
export interface PickleSet {
  readonly kind: 'set';
  readonly items: Set<PickleValue>;
}

/** The name of a class or function. A name only: it is never looked up. */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly module: string;
  readonly name: string;
}

/**
 * An object that is described but not created: a callable, its arguments, and what would be given to the result
 * (created by REDUCE, NEWOBJ, NEWOBJ_EX, INST and OBJ; extended by BUILD, APPENDS and SETITEMS).
 */
export interface PickleReduced {
  readonly kind: 'reduced';
  readonly callable: PickleGlobal | PickleReduced;
  readonly args: readonly PickleValue[];
  readonly kwargs: PickleDict | undefined;
  readonly state: PickleValue | undefined;
  /** Items appended to the object, for subclasses of list. */
  readonly appended: PickleValue[] | undefined;
  /** Entries set on the object, for subclasses of dict. */
  readonly entries: Map<PickleValue, PickleValue> | undefined;
}

/** A reference to something outside the pickle that the container does not resolve. */
export interface PicklePersistent {
  readonly kind: 'persistent';
  readonly id: PickleValue;
}

/** numpy.dtype. `code` has no byte order, such as `f8`; structured and sub-array types have `V…` or `simple` false. */
export interface NumpyDType {
  readonly kind: 'dtype';
  readonly code: string;
  readonly littleEndian: boolean;
  readonly simple: boolean;
}

/** Elements of a numpy array: float16 is widened to float32, bool is 0 or 1, `object` keeps its values. */
export type NumpyData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | readonly PickleValue[];

/** numpy.ndarray, always row-major, regardless of the order in the pickle. */
export interface NumpyArray {
  readonly kind: 'array';
  /** NumPy's code without byte order: f2, f4, f8, i1, i2, i4, i8, u1, u2, u4, u8, b1 or O. */
  readonly code: string;
  readonly shape: readonly number[];
  readonly data: NumpyData;
}

/** A value of the union that is an object with a `kind`. */
export type PickleObject = Extract<PickleValue, { readonly kind: string }>;

/** Returns whether a value is one of the objects with a `kind`, not a primitive and not bytes. */
export function isPickleObject(value: PickleValue | undefined): value is PickleObject {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}

/** Returns a short name of a value's type, for messages. */
export function describe(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (value instanceof Uint8Array) return 'bytes';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return `the text ${abbreviate(value)}`;
  if (typeof value !== 'object') return `the number ${String(value)}`;
  if (value.kind === 'global') return `the name ${value.module}.${value.name}`;
  if (value.kind === 'reduced') return `an object of ${nameOfCallable(value)}`;
  return withArticle(value.kind);
}

/** Returns `module.name` of the class or function that would create an inert object. */
export function nameOfCallable(value: PickleReduced): string {
  const { callable } = value;
  return callable.kind === 'global' ? `${callable.module}.${callable.name}` : 'another object';
}

function abbreviate(text: string): string {
  const quoted = JSON.stringify(text.slice(0, 60));
  return text.length > 60 ? `${quoted}…` : quoted;
}

/** For the reader, which fills values that are read-only for others. */
export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A value with the place where it was found, for messages. Create the first one with `locate`. */
export interface Located {
  readonly value: PickleValue | undefined;
  /** Keys from the root, such as `plans_per_stage[0].patch_size`; empty at the root. */
  readonly keys: string;
  /** File the value was read from. */
  readonly file: string;
  /** Code of the errors that accessors throw. */
  readonly code: ErrorCode;
}

/** Returns the root of a file's value. All accessors that start from it throw `code`. */
export function locate(value: PickleValue, file: string, code: ErrorCode): Located {
  return { value, keys: '', file, code };
}

/** Returns an entry of a dict. Its value is undefined if there is none, which every other accessor refuses. */
export function dictGet(located: Located, key: string | number): Located {
  return child(located, asDict(located).entries.get(key), key);
}

/** Returns whether a dict has an entry that is not `None`. */
export function dictHas(located: Located, key: string | number): boolean {
  const value = asDict(located).entries.get(key);
  return value !== undefined && value !== null;
}

/** Returns the entries of a dict whose keys are all strings, in the order of the file. */
export function asEntries(located: Located): readonly (readonly [string, Located])[] {
  return Array.from(asDict(located).entries, ([key, value]) => {
    if (typeof key !== 'string') throw refusal(located, 'a dict with text keys');
    return [key, child(located, value, key)] as const;
  });
}

export function asDict(located: Located): PickleDict {
  const { value } = located;
  if (isPickleObject(value) && value.kind === 'dict') return value;
  throw refusal(located, 'a dict');
}

/** Returns a number, finite or not; a bigint only if it is exact as a number. */
export function asNumber(located: Located): number {
  const number = toNumber(located.value);
  if (number === undefined) throw refusal(located, 'a number');
  return number;
}

/** Returns a whole number within ±(2^53 − 1). */
export function asInteger(located: Located): number {
  const number = toNumber(located.value);
  if (number === undefined || !Number.isSafeInteger(number)) throw refusal(located, 'a whole number');
  return number;
}

export function asBoolean(located: Located): boolean {
  if (typeof located.value === 'boolean') return located.value;
  throw refusal(located, 'True or False');
}

export function asString(located: Located): string {
  if (typeof located.value === 'string') return located.value;
  throw refusal(located, 'text');
}

/** Returns the items of a list. */
export function asList(located: Located): readonly Located[] {
  const { value } = located;
  if (isPickleObject(value) && value.kind === 'list') return children(located, value.items);
  throw refusal(located, 'a list');
}

/** Returns the items of a tuple. */
export function asTuple(located: Located): readonly Located[] {
  const { value } = located;
  if (isPickleObject(value) && value.kind === 'tuple') return children(located, value.items);
  throw refusal(located, 'a tuple');
}

/** Returns the items of a list, a tuple or a one-dimensional numpy array, because programs write any of them. */
export function asItems(located: Located): readonly Located[] {
  const { value } = located;
  if (isPickleObject(value)) {
    if (value.kind === 'list' || value.kind === 'tuple') return children(located, value.items);
    if (value.kind === 'array' && value.shape.length === 1) return children(located, Array.from(value.data));
  }
  throw refusal(located, 'a list, a tuple or a flat array');
}

/** Returns the numbers of a list, a tuple or a one-dimensional numpy array. */
export function asNumberArray(located: Located): readonly number[] {
  return asItems(located).map(asNumber);
}

export function asTensor(located: Located): TensorRef {
  const { value } = located;
  if (isPickleObject(value) && value.kind === 'tensor') return value;
  throw refusal(located, 'a tensor');
}

/** An object of a class that is not interpreted, such as a module of a pickled network. */
interface InertObject {
  readonly module: string;
  readonly name: string;
  readonly args: readonly Located[];
  /** What `BUILD` set, for most classes the attributes. Its value is undefined if there was none. */
  readonly state: Located;
}

/** Returns the class, arguments and state of an object that stayed inert. */
export function asObject(located: Located): InertObject {
  const reduced = asReduced(located);
  const { callable } = reduced;
  if (callable.kind !== 'global') throw refusal(located, 'an object of a named class');
  return {
    module: callable.module,
    name: callable.name,
    args: children(located, reduced.args),
    state: { ...located, value: reduced.state },
  };
}

function asReduced(located: Located): PickleReduced {
  const { value } = located;
  if (isPickleObject(value) && value.kind === 'reduced') return value;
  throw refusal(located, 'an object');
}

function toNumber(value: PickleValue | undefined): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'bigint') return undefined;
  const number = Number(value);
  return BigInt(number) === value ? number : undefined;
}

function children(located: Located, items: readonly PickleValue[]): readonly Located[] {
  return items.map((item, index) => ({ ...located, value: item, keys: `${located.keys}[${index}]` }));
}

function child(located: Located, value: PickleValue | undefined, key: string | number): Located {
  const { keys } = located;
  const name = typeof key === 'number' ? `${keys}[${key}]` : keys === '' ? key : `${keys}.${key}`;
  return { ...located, value, keys: name };
}

/** Creates the error for an unexpected value, for checks that the accessors do not have. */
export function refusal(located: Located, expected: string): ReigniteError {
  const place = located.keys === '' ? 'at its root' : `at ${located.keys}`;
  return new ReigniteError(
    located.code,
    `${located.file} has ${describe(located.value)} ${place} where ${expected} is expected.`,
  );
}
