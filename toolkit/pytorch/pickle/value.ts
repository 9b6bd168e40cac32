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
