import { LIMITS, type PickleContext } from '../pickle/pickle-context.ts';
import { describe, isPickleObject, type PickleValue } from '../pickle/value.ts';
import {
  type DType,
  ELEMENT_BYTES,
  type StorageRef,
  storageDType,
  storageElementBytes,
  type TensorRef,
  torchDType,
} from './tensor.ts';

/** The pickled description of a tensor. */
export interface TensorParts {
  readonly storage: PickleValue | undefined;
  readonly offset: PickleValue | undefined;
  readonly size: PickleValue | undefined;
  readonly stride: PickleValue | undefined;
  /** The element type by name; undefined if it is that of the storage. */
  readonly dtype: PickleValue | undefined;
  /** Flags of lazily negated or conjugated tensors. */
  readonly metadata: PickleValue | undefined;
}

/**
 * Creates a tensor, which must be within its storage. It may have more elements than that: networks keep such tensors of
 * their last image, and nothing reads them.
 *
 * @throws ReigniteError CHECKPOINT_CORRUPT if it does not fit its storage; CHECKPOINT_UNSUPPORTED if its storage or
 *   element type is not supported.
 */
export function rebuildTensor(parts: TensorParts, context: PickleContext): TensorRef {
  const storage = storageOf(parts.storage, context);
  refuseFlags(parts.metadata, context);
  const dtype = dtypeOf(parts.dtype, storage, context);
  const offset = naturalNumber(parts.offset, 'offset', context);
  const shape = naturalNumbers(parts.size, 'length', context);
  const strides = naturalNumbers(parts.stride, 'stride', context);
  if (strides.length !== shape.length) throw context.corrupt('a tensor has not as many strides as axes');
  const tensor: TensorRef = { kind: 'tensor', dtype, shape, strides, offset, storage };
  checkExtent(tensor, context);
  return tensor;
}

function checkExtent({ dtype, shape, strides, offset, storage }: TensorRef, context: PickleContext): void {
  const available = BigInt(Math.floor(storage.byteLength / ELEMENT_BYTES[dtype]));
  if (shape.includes(0)) return;
  const last = strides.reduce(
    (sum, stride, axis) => sum + BigInt(stride) * BigInt((shape[axis] ?? 1) - 1),
    BigInt(offset),
  );
  const name = `the tensor of shape [${shape.join(', ')}] in storage ${storage.key}`;
  if (last >= available) throw context.corrupt(`${name} ends at element ${last}, beyond the ${available} there are`);
}

function storageOf(value: PickleValue | undefined, context: PickleContext): StorageRef {
  if (isPickleObject(value) && value.kind === 'storage') return value;
  throw context.unsupported(`a tensor is made of ${describe(value)}, not of a storage`);
}

function dtypeOf(value: PickleValue | undefined, storage: StorageRef, context: PickleContext): DType {
  if (value === undefined) {
    if (storage.dtype === 'bytes') throw context.unsupported('a tensor in an untyped storage has no element type');
    return storage.dtype;
  }
  const dtype = isPickleObject(value) && value.kind === 'global' ? torchDType(value.module, value.name) : undefined;
  if (dtype === undefined) throw context.unsupported(`a tensor's element type is ${describe(value)}`);
  return dtype;
}

function refuseFlags(metadata: PickleValue | undefined, context: PickleContext): void {
  const isEmpty =
    metadata === undefined ||
    metadata === null ||
    (isPickleObject(metadata) && metadata.kind === 'dict' && metadata.entries.size === 0);
  if (!isEmpty) throw context.unsupported('a tensor is negated or conjugated lazily');
}

function naturalNumbers(value: PickleValue | undefined, what: string, context: PickleContext): readonly number[] {
  if (!isPickleObject(value) || (value.kind !== 'tuple' && value.kind !== 'list')) {
    throw context.corrupt(`a tensor's ${what}s are ${describe(value)}`);
  }
  if (value.items.length > LIMITS.axes) throw context.corrupt(`a tensor has ${value.items.length} axes`);
  return value.items.map((item) => naturalNumber(item, what, context));
}

function naturalNumber(value: PickleValue | undefined, what: string, context: PickleContext): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw context.corrupt(`a tensor has ${describe(value)} as ${what}`);
}

/** The storages that a checkpoint's pickle refers to by persistent ids. */
export class StorageTable {
  readonly #context: PickleContext;
  readonly #whole = new Map<string, StorageRef>();

  constructor(context: PickleContext) {
    this.#context = context;
  }

  /** Every storage once, by key. */
  get storages(): ReadonlyMap<string, StorageRef> {
    return this.#whole;
  }

  /**
   * Resolves a persistent id. `('storage', class, key, device, length[, view])` is a storage. `('module', class, file,
   * source)` of old streams is the class; its source is ignored.
   */
  load(id: PickleValue): PickleValue {
    const items = isPickleObject(id) && id.kind === 'tuple' ? id.items : [];
    const [type, name] = items;
    if (type === 'storage' && items.length >= 5) return this.#storage(items);
    if (type === 'module' && isPickleObject(name) && name.kind === 'global') return name;
    throw this.#context.unsupported(`it refers to something else than a storage, ${describe(id)}`);
  }

  #storage([, type, key, , count, view]: readonly PickleValue[]): StorageRef {
    const dtype = isPickleObject(type) && type.kind === 'global' ? storageDType(type.module, type.name) : undefined;
    if (dtype === undefined) throw this.#context.unsupported(`a storage is of ${describe(type)}`);
    if (typeof key !== 'string') throw this.#context.corrupt(`a storage has ${describe(key)} as its key`);
    const size = storageElementBytes(dtype);
    const storedBytes = this.#naturalNumber(count) * size;
    const whole = this.#remember({ kind: 'storage', key, dtype, byteOffset: 0, byteLength: storedBytes, storedBytes });
    return view === undefined || view === null ? whole : this.#view(whole, view, size);
  }

  #remember(storage: StorageRef): StorageRef {
    const known = this.#whole.get(storage.key);
    if (known === undefined) {
      this.#whole.set(storage.key, storage);
      return storage;
    }
    if (known.dtype !== storage.dtype || known.storedBytes !== storage.storedBytes) {
      throw this.#context.corrupt(`storage ${storage.key} is described in two ways`);
    }
    return known;
  }

  /** Returns a part of a storage, `(key, offset, length)` in elements. */
  #view(whole: StorageRef, view: PickleValue, size: number): StorageRef {
    if (!isPickleObject(view) || view.kind !== 'tuple') {
      throw this.#context.corrupt(`storage ${whole.key} has ${describe(view)} as its view`);
    }
    const byteOffset = this.#naturalNumber(view.items[1]) * size;
    const byteLength = this.#naturalNumber(view.items[2]) * size;
    if (byteOffset + byteLength > whole.storedBytes) {
      throw this.#context.corrupt(`a view of storage ${whole.key} is larger than it`);
    }
    return { ...whole, byteOffset, byteLength };
  }

  /** Reads a number of elements, limited so that their size in bytes is an exact number. */
  #naturalNumber(value: PickleValue | undefined): number {
    if (typeof value === 'number' && Number.isSafeInteger(value * 16) && value >= 0) return value;
    throw this.#context.corrupt(`a storage has ${describe(value)} as its length`);
  }
}
