import { randomBytes } from 'node:crypto';
import type { RunConfig } from '../../config/schema.ts';
import { ReigniteError } from '../errors.ts';
import { Blobs, type ObjectStore } from './object-store.ts';
import { StoredEntries, StoredModels, StoredStages } from './stored-files.ts';
import { type SavingOptions, StoredPartials } from './stored-partials.ts';

/**
 * What machines without a common folder share, as objects: files by their digest (`objects/`), and small documents that
 * refer to them: cache entries (`cache/`), models (`models/`), stages of runs (`stages/`), partial results
 * (`partial/`).
 */
export class RunStorage {
  readonly store: ObjectStore;
  readonly blobs: Blobs;
  readonly entries: StoredEntries;
  readonly models: StoredModels;
  readonly stages: StoredStages;
  readonly partials: StoredPartials;

  constructor(store: ObjectStore, saving?: SavingOptions) {
    this.store = store;
    this.blobs = new Blobs(store);
    this.entries = new StoredEntries(store, this.blobs);
    this.models = new StoredModels(store, this.blobs);
    this.stages = new StoredStages(store, this.blobs);
    this.partials = new StoredPartials(store, saving);
  }
}

/** Opens the storage at an address. The S3 client is loaded only when it is needed. */
export async function openRunStorage(address: string, saving?: SavingOptions): Promise<RunStorage> {
  const { openS3Store } = await import('./s3-store.ts');
  return new RunStorage(openS3Store(address), saving);
}

/**
 * Writes and reads a test object, before any work depends on the storage.
 *
 * @throws ReigniteError STORAGE_REFUSED, STORAGE_UNAVAILABLE; STORAGE_UNSUITABLE when the server lets a second writer
 *   replace an object that must be written only once.
 */
export async function checkStorage(store: ObjectStore, signal?: AbortSignal): Promise<void> {
  const key = `check/${randomBytes(8).toString('hex')}`;
  await store.writeOnce(key, 'first', signal);
  const isReplaced = await store.writeOnce(key, 'second', signal);
  const text = await store.readText(key, signal);
  await store.remove(key, signal);
  if (!isReplaced && text === 'first') return;
  throw new ReigniteError('STORAGE_UNSUITABLE', `${store.name} replaced an object that was to be written once.`);
}

/**
 * Checks the storage of a configuration before anything depends on it; does nothing without a storage.
 *
 * @throws ReigniteError STORAGE_REFUSED, STORAGE_UNAVAILABLE, STORAGE_UNSUITABLE.
 */
export async function checkRunStorage({ storage }: Pick<RunConfig, 'storage'>, signal: AbortSignal): Promise<void> {
  if (storage !== undefined) await checkStorage((await openRunStorage(storage)).store, signal);
}
