import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunConfig } from '../../config/schema.ts';
import type { FileDigests } from '../cache/file-digests.ts';
import { ReigniteError } from '../errors.ts';
import { fileExists } from '../files/file-access.ts';
import { type HomeFolders, inside } from '../files/folders.ts';
import { sha256Of } from '../files/hash-file.ts';
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

/** The data and results folders of a run. */
interface Folders {
  readonly data: string;
  readonly results: string;
}

interface ScratchOptions {
  readonly home: Pick<HomeFolders, 'scratch' | 'cache' | 'digests'>;
  /** Size limit of fetched inputs and cache entries together, in bytes, without what the current step needs. */
  readonly maxBytes: number;
  readonly blobs: Blobs;
  readonly digests: FileDigests;
}

/** Local replacements for the folders of runs, on a machine without these folders. Filled with what a step needs. */
export class Scratch {
  readonly #options: ScratchOptions;

  constructor(options: ScratchOptions) {
    this.#options = options;
  }

  /** Returns the local replacements for the folders of a run. */
  foldersOf<Named extends Folders>(folders: Named): Named {
    const { data, results } = folders;
    const own = join(this.#options.home.scratch, sha256Of(`${data}\n${results}`).slice(0, 16));
    return { ...folders, data: join(own, 'data'), results: join(own, 'results') };
  }

  /**
   * Downloads files of a data folder by their digests, unless they are present.
   *
   * @param data - Replacement for the data folder.
   * @throws ReigniteError STORAGE_MISSING, STORAGE_DAMAGED, STORAGE_UNAVAILABLE, STORAGE_REFUSED; NO_SPACE.
   */
  async fetch(data: string, files: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<void> {
    const { blobs, digests } = this.#options;
    for (const [path, sha256] of Object.entries(files)) {
      const target = inside(data, path);
      const isThere = (await fileExists(target)) && (await digests.sha256(target, signal)) === sha256;
      if (!isThere) await blobs.fetch(sha256, target, signal);
    }
  }

  /** Removes the oldest files and cache entries until the rest is within the limit. */
  async trim(): Promise<void> {
    const { home, maxBytes } = this.#options;
    const kept = [...(await filesBelow(home.scratch)), ...(await entriesOf(home.cache))];
    kept.sort((a, b) => b.ageMs - a.ageMs);
    let bytes = kept.reduce((sum, each) => sum + each.bytes, 0);
    for (const { path, bytes: freed } of kept) {
      if (bytes <= maxBytes) return;
      await rm(path, { recursive: true, force: true });
      bytes -= freed;
    }
  }
}

interface Kept {
  readonly path: string;
  readonly bytes: number;
  readonly ageMs: number;
}

async function filesBelow(folder: string): Promise<Kept[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = found.filter((entry) => entry.isFile()).map(({ parentPath, name }) => keptFile(join(parentPath, name)));
  return (await Promise.all(files)).filter((each) => each !== undefined);
}

async function entriesOf(cache: string): Promise<Kept[]> {
  const starts = await readdir(cache).catch(() => []);
  const entries: Kept[] = [];
  for (const start of starts) {
    for (const key of await readdir(join(cache, start)).catch(() => [])) {
      const files = await filesBelow(join(cache, start, key));
      if (files.length === 0) continue;
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
      entries.push({ path: join(cache, start, key), bytes, ageMs: Math.max(...files.map(({ ageMs }) => ageMs)) });
    }
  }
  return entries;
}

async function keptFile(path: string): Promise<Kept | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? undefined : { path, bytes: found.size, ageMs: Date.now() - found.mtimeMs };
}
