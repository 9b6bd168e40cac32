import type { PickleContext } from '../pickle/pickle-context.ts';
import { describe, isPickleObject, type PickleValue } from '../pickle/value.ts';
import { type StorageRef, storageElementBytes } from '../tensors/tensor.ts';
import { storageDType } from '../tensors/torch-types.ts';

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
