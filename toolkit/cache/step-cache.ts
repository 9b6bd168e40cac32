import { existsSync, readFileSync, type Stats, statSync } from 'node:fs';
import { copyFile, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { canonicalJson } from '../../config/digest.ts';
import { ReigniteError } from '../errors.ts';
import { replaceFile, temporaryPathBeside } from '../files/atomic-write.ts';
import { asDiskError } from '../files/file-access.ts';
import { makeFolder } from '../files/folders.ts';
import { sha256Of, sha256OfFile } from '../files/hash-file.ts';
import type { StoredEntries } from '../storage/stored-files.ts';
import { Sha256 } from './file-digests.ts';

/** The key of a cache entry: SHA-256 of everything that its result depends on. */
export const CacheKey = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .brand<'CacheKey'>();
export type CacheKey = z.infer<typeof CacheKey>;

/** Memory that a process uses at most for entries, enough for a hundred thousand ROIs. */
const MAX_BYTES = 256 * 2 ** 20;

/** Validated cache entries by key, as JSON; entries never change. Bounded: stops caching when full, without eviction. */
class EntryTexts {
  readonly #texts = new Map<string, string>();
  #bytes = 0;

  of(key: string): string | undefined {
    return this.#texts.get(key);
  }

  keep(key: string, text: string): void {
    if (this.#texts.has(key) || this.#bytes + text.length > MAX_BYTES) return;
    this.#texts.set(key, text);
    this.#bytes += text.length;
  }

  forget(key: string): void {
    this.#bytes -= this.#texts.get(key)?.length ?? 0;
    this.#texts.delete(key);
  }
}

/**
 * What the result of a step depends on: a flat list of names and values, stored so that a cache miss can be explained.
 */
export type KeyParts = Readonly<Record<string, string | number | boolean>>;

const StoredFile = z.object({ sha256: Sha256, bytes: z.number().int().nonnegative() });
export type StoredFile = z.infer<typeof StoredFile>;

const CacheEntry = z.object({
  key: CacheKey,
  parts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  files: z.record(z.string(), StoredFile),
  facts: z.unknown(),
});
export type CacheEntry = z.infer<typeof CacheEntry>;

/**
 * Computes the key of a step: SHA-256 of its parts, independent of their order.
 *
 * @throws ReigniteError INTERNAL for a part without a value, which would make different results share a key.
 */
export function cacheKey(parts: KeyParts): CacheKey {
  for (const [name, value] of Object.entries(parts)) {
    if (value !== '' && value !== undefined && !Number.isNaN(value)) continue;
    throw new ReigniteError('INTERNAL', `The key of a result has no value for ${name}.`);
  }
  return CacheKey.parse(sha256Of(canonicalJson(parts)));
}

/**
 * Returns the digest of a file of an entry.
 *
 * @throws ReigniteError INTERNAL when the entry has no file of this name.
 */
export function fileDigest({ key, files }: CacheEntry, name: string): Sha256 {
  const file = files[name];
  if (file !== undefined) return file.sha256;
  throw new ReigniteError('INTERNAL', `The cache entry ${key} does not contain the file ${name}.`, {
    remedy: 'Clear the cache with `npx reignite clean cache`, then run the same command again.',
  });
}

const ENTRY_FILE = 'entry.json';
/** Lookups after which other work gets a turn. */
const LOOKUPS_PER_TURN = 64;

/**
 * Results of steps by the hash of their inputs. An entry is a folder that appears in one step and is never changed. If
 * two processes store the same key, the first one's entry stays.
 */
export class StepCache {
  readonly #folder: string;
  readonly #generation: string | undefined;
  readonly #texts: EntryTexts;
  readonly #stored: StoredEntries | undefined;
  #looks = 0;

  /**
   * @param folder - Absolute folder of the cache.
   * @param generation - Part of every key; entries of another generation, or of none, are not found.
   * @param texts - Entries in memory, shared by all generations.
   * @param stored - Entries of other machines; entries missing here are fetched from there.
   */
  constructor(folder: string, generation?: string, texts = new EntryTexts(), stored?: StoredEntries) {
    this.#folder = folder;
    this.#generation = generation;
    this.#texts = texts;
    this.#stored = stored;
  }

  /** Returns the cache of one generation of runs; without a name, the one that all runs share. */
  of(generation: string | undefined): StepCache {
    return new StepCache(this.#folder, generation, this.#texts, this.#stored);
  }

  /** Returns the key under which this cache stores the result of `parts`. */
  keyOf(parts: KeyParts): CacheKey {
    return cacheKey(this.completed(parts));
  }

  /** Adds the generation of this cache to the parts, as they are stored in an entry. */
  completed(parts: KeyParts): KeyParts {
    return this.#generation === undefined ? parts : { ...parts, generation: this.#generation };
  }

  /**
   * Returns the entry under `key`, after checking that its files exist. Undefined if there is none; a damaged entry is
   * removed.
   */
  async find(key: string): Promise<CacheEntry | undefined> {
    const entry = await this.recall(key);
    if (entry === undefined || this.#isWhole(key, entry)) return entry;
    await this.#removeDamaged(key);
    return this.#takeStored(key);
  }

  /**
   * Returns the same as `find`, but does not check the files of an entry that was read before: for steps that need only
   * its facts. A run asks for every ROI several times, and entries never change.
   *
   * The small file is read synchronously: handing it to another thread takes five times as long.
   */
  async recall(key: string): Promise<CacheEntry | undefined> {
    return (await this.recallHere(key)) ?? this.#takeStored(key);
  }

  /** The same for entries on this machine only: for results that are quicker to compute than to fetch. */
  async recallHere(key: string): Promise<CacheEntry | undefined> {
    this.#looks += 1;
    if (this.#looks % LOOKUPS_PER_TURN === 0) await nextTurn();
    const known = this.#texts.of(key);
    // Only texts of valid entries are kept, so they need no second check.
    if (known !== undefined) return JSON.parse(known);
    const text = textOf(this.pathOf(key, ENTRY_FILE));
    if (text === undefined) return undefined;
    const entry = parseEntry(text);
    if (entry === undefined) await this.#removeDamaged(key);
    else this.#texts.keep(key, text);
    return entry;
  }

  /**
   * Stores a step's result.
   *
   * @param files - Paths by name in the entry; the files are copied.
   * @param facts - Small JSON that belongs to the result.
   */
  async store(parts: KeyParts, files: Readonly<Record<string, string>>, facts: unknown): Promise<CacheEntry> {
    const key = this.keyOf(parts);
    return this.#place(key, async (building) => {
      const stored: Record<string, StoredFile> = {};
      for (const [name, path] of Object.entries(files)) {
        await copyFile(path, join(building, name));
        stored[name] = await describeFile(join(building, name));
      }
      return { key, parts: this.completed(parts), files: stored, facts };
    });
  }

  /** Uploads an entry for other machines, if there is a storage: the entry may be older than the connection to it. */
  async share(entry: CacheEntry, signal?: AbortSignal): Promise<void> {
    await this.#stored?.offer(entry, (name) => this.pathOf(entry.key, name), signal);
  }

  /** Yields every readable entry of any generation, in no particular order. For inspection; runs look up keys. */
  async *entries(): AsyncGenerator<CacheEntry> {
    for (const start of await readdir(this.#folder).catch(() => [])) {
      for (const key of await readdir(join(this.#folder, start)).catch(() => [])) {
        const text = textOf(join(this.#folder, start, key, ENTRY_FILE));
        const entry = text === undefined ? undefined : parseEntry(text);
        if (entry !== undefined) yield entry;
      }
    }
  }

  /**
   * Copies a file of an entry to the results, so that changing the copy does not change the cache. The copy gets the
   * modification time of the original; if size and time already match, nothing is copied.
   */
  async restore(key: string, name: string, target: string): Promise<void> {
    const source = this.pathOf(key, name);
    const original = statusOf(source);
    if (isCopyOf(original, target)) return;
    await replaceFile(target, async (temporary) => {
      await copyFile(source, temporary);
      if (original !== undefined) await utimes(temporary, original.atimeMs / 1_000, original.mtimeMs / 1_000);
    });
  }

  /**
   * Returns whether `restore` has nothing to do. Entries are never without their files, so the entry itself is not
   * read.
   */
  isInPlace(key: string, name: string, target: string): boolean {
    return isCopyOf(statusOf(this.pathOf(key, name)), target);
  }

  /** Absolute path of a file of an entry, for reading only. */
  pathOf(key: string, name: string): string {
    return join(this.#entryFolder(key), name);
  }

  /** Entries are removed as whole folders, so checking the files is enough. */
  #isWhole(key: string, { files }: CacheEntry): boolean {
    const names = Object.entries(files);
    if (names.length === 0) return existsSync(this.pathOf(key, ENTRY_FILE));
    return names.every(([name, { bytes }]) => statusOf(this.pathOf(key, name))?.size === bytes);
  }

  /**
   * Copies an entry of another machine into this cache.
   *
   * @throws ReigniteError STORAGE_DAMAGED when the description of the entry cannot be read.
   */
  async #takeStored(key: string): Promise<CacheEntry | undefined> {
    const text = await this.#stored?.read(key);
    if (this.#stored === undefined || text === undefined) return undefined;
    const entry = parseEntry(text);
    if (entry?.key !== key) {
      throw new ReigniteError(
        'STORAGE_DAMAGED',
        `${this.#stored.nameOf(key)} does not contain the cache entry that its name states.`,
      );
    }
    const stored = this.#stored;
    return this.#place(key, async (building) => {
      for (const [name, { sha256 }] of Object.entries(entry.files)) {
        await stored.fetchFile(key, name, sha256, join(building, name));
      }
      return entry;
    });
  }

  /**
   * Makes the folder of an entry appear in one step.
   *
   * @param fill - Writes the files of the entry into a folder, and returns the entry.
   */
  async #place(key: string, fill: (building: string) => Promise<CacheEntry>): Promise<CacheEntry> {
    const target = this.#entryFolder(key);
    const building = temporaryPathBeside(target);
    try {
      await makeFolder(building);
      const entry = await fill(building);
      await writeSynced(join(building, ENTRY_FILE), JSON.stringify(entry));
      await rename(building, target).catch((error: unknown) => this.#keepFirst(key, building, error));
      return entry;
    } catch (error) {
      await rm(building, { recursive: true, force: true });
      throw asDiskError(error, target);
    }
  }

  async #removeDamaged(key: string): Promise<void> {
    this.#texts.forget(key);
    await rm(this.#entryFolder(key), { recursive: true, force: true });
  }

  async #keepFirst(key: string, building: string, error: unknown): Promise<void> {
    const entry = await this.recallHere(key);
    if (entry === undefined || !this.#isWhole(key, entry)) throw error;
    await rm(building, { recursive: true, force: true });
  }

  #entryFolder(key: string): string {
    return join(this.#folder, key.slice(0, 2), key);
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function statusOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** Whole-second times are not conclusive: they may come from an archive with that resolution. */
function isCopyOf(original: Stats | undefined, target: string): boolean {
  if (original === undefined || original.mtimeMs % 1_000 === 0) return false;
  const copy = statusOf(target);
  if (copy?.size !== original.size) return false;
  // The time is set as a double, which holds microseconds.
  return Math.abs(copy.mtimeMs - original.mtimeMs) < 0.01;
}

function parseEntry(text: string): CacheEntry | undefined {
  try {
    return CacheEntry.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

async function describeFile(path: string): Promise<StoredFile> {
  return { sha256: Sha256.parse(await sha256OfFile(path)), bytes: (await stat(path)).size };
}

async function writeSynced(path: string, text: string): Promise<void> {
  await makeFolder(dirname(path));
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
