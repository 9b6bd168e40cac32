import { type ErrorCode, ReigniteError } from '../../errors.ts';
import type { TensorRef } from '../tensors/tensor.ts';
import { describe, isPickleObject, type PickleDict, type PickleReduced, type PickleValue } from './value.ts';

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
export interface InertObject {
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
