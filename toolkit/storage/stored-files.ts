import { readdir, rename, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { Sha256 } from '../cache/file-digests.ts';
import { ReigniteError } from '../errors.ts';
import { temporaryPathBeside } from '../files/atomic-write.ts';
import { fileExists } from '../files/file-access.ts';
import { inside, makeFolder } from '../files/folders.ts';
import type { Blobs, Content, ObjectStore } from './object-store.ts';

const StoredContent = z.object({ sha256: Sha256, bytes: z.int().min(0) });

/** Files by their path below a folder, with their contents. */
const FileList = z.object({ files: z.record(z.string(), StoredContent) });
type FileList = z.infer<typeof FileList>;

/** Parses a stored document. @throws ReigniteError STORAGE_DAMAGED that names the object. */
export function parseStored<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  { name }: Pick<ObjectStore, 'name'>,
  key: string,
): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new ReigniteError('STORAGE_DAMAGED', `${name}${key} is damaged, or was not written by reignite.`, {
      cause: error,
    });
  }
}

/** An allowed file name: nothing that leads out of the folder. */
const PLAIN_NAME = /^(?!\.)[A-Za-z0-9._-]+$/;

/** Converted models: a list of files for each digest. */
export class StoredModels {
  readonly #store: ObjectStore;
  readonly #blobs: Blobs;
  readonly #present = new Set<string>();

  constructor(store: ObjectStore, blobs: Blobs) {
    this.#store = store;
    this.#blobs = blobs;
  }

  /** Uploads a model. Subfolders, which hold files for this machine only, are left out. */
  async offer(digest: string, folder: string, signal?: AbortSignal): Promise<void> {
    if (this.#present.has(digest)) return;
    const found = await readdir(folder, { withFileTypes: true });
    const names = found.filter((entry) => entry.isFile() && PLAIN_NAME.test(entry.name)).map(({ name }) => name);
    const files: Record<string, Content> = {};
    for (const name of names.sort()) files[name] = await this.#blobs.offer(join(folder, name), undefined, signal);
    await this.#store.writeOnce(modelKey(digest), JSON.stringify({ files }), signal);
    this.#present.add(digest);
  }

  /**
   * Downloads a model into a folder, atomically, unless the folder exists.
   *
   * @throws ReigniteError STORAGE_MISSING, STORAGE_DAMAGED, STORAGE_UNAVAILABLE, STORAGE_REFUSED; NO_SPACE.
   */
  async fetch(digest: string, folder: string, signal?: AbortSignal): Promise<void> {
    if (await fileExists(folder)) return;
    const text = await this.#store.readText(modelKey(digest), signal);
    if (text === undefined) {
      throw new ReigniteError('STORAGE_MISSING', `${this.#store.name} has no model ${digest}.`);
    }
    const { files } = parseStored(FileList, text, this.#store, modelKey(digest));
    const building = temporaryPathBeside(folder);
    try {
      await makeFolder(building);
      for (const [name, { sha256 }] of Object.entries(files)) {
        refuseOddName(name, this.#store, modelKey(digest));
        await this.#blobs.fetch(sha256, join(building, name), signal);
      }
      await rename(building, folder);
    } catch (error) {
      await rm(building, { recursive: true, force: true });
      if (!(await fileExists(folder))) throw error;
    }
  }
}

/** @throws ReigniteError STORAGE_DAMAGED for a name that leads out of its folder. */
export function refuseOddName(name: string, { name: storage }: Pick<ObjectStore, 'name'>, key: string): void {
  if (PLAIN_NAME.test(name)) return;
  throw new ReigniteError('STORAGE_DAMAGED', `${storage}${key} names a file ${JSON.stringify(name)}.`);
}

function modelKey(digest: string): string {
  return `models/${digest}.json`;
}

/**
 * The file lists of a stage: what it reads from the data folder, and what another machine wrote for the results folder.
 */
type StageList = 'data' | 'measured';

/** Small files of one task of a run: its plan, its failures, and lists of larger files. */
export class StoredStages {
  readonly #store: ObjectStore;
  readonly #blobs: Blobs;

  constructor(store: ObjectStore, blobs: Blobs) {
    this.#store = store;
    this.#blobs = blobs;
  }

  /** @param stage - Folder of the stage, relative to `runs` of the state directory. */
  async write(stage: string, name: string, text: string, signal?: AbortSignal): Promise<void> {
    await this.#store.write(stageKey(stage, name), text, signal);
  }

  read(stage: string, name: string, signal?: AbortSignal): Promise<string | undefined> {
    return this.#store.readText(stageKey(stage, name), signal);
  }

  /** Records the contents of files. */
  async writeList(stage: string, list: StageList, files: Readonly<Record<string, Content>>): Promise<void> {
    await this.write(stage, `${list}.json`, JSON.stringify({ files }));
  }

  /** @returns Undefined if no list was written. */
  async readList(stage: string, list: StageList, signal?: AbortSignal): Promise<FileList['files'] | undefined> {
    const key = `${list}.json`;
    const text = await this.read(stage, key, signal);
    return text === undefined ? undefined : parseStored(FileList, text, this.#store, stageKey(stage, key)).files;
  }

  /** Uploads all files below a folder, for the results folder of the run on another machine. */
  async sendResults(stage: string, results: string, signal?: AbortSignal): Promise<void> {
    const files: Record<string, Content> = {};
    const found = await readdir(results, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of found.filter((each) => each.isFile())) {
      const path = join(entry.parentPath, entry.name);
      files[relative(results, path)] = await this.#blobs.offer(path, undefined, signal);
    }
    await this.writeList(stage, 'measured', files);
  }

  /** Downloads what another machine wrote for the results folder; nothing if this machine wrote it itself. */
  async takeResults(stage: string, results: string, signal?: AbortSignal): Promise<void> {
    const files = await this.readList(stage, 'measured', signal);
    for (const [path, { sha256 }] of Object.entries(files ?? {})) {
      await this.#blobs.fetch(sha256, inside(results, path), signal);
    }
  }
}

function stageKey(stage: string, name: string): string {
  return `stages/${stage}/${name}`;
}

/** The fields of a cache entry that are needed to store it. */
interface StorableEntry {
  readonly key: string;
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>;
}

/**
 * Cache entries that machines share. The files of an entry are stored first, then its description, and only if there is
 * none: an entry is complete or absent, and the first one of a key stays.
 */
export class StoredEntries {
  readonly #store: ObjectStore;
  readonly #blobs: Blobs;
  /** Keys that are known to be stored. */
  readonly #present = new Set<string>();

  constructor(store: ObjectStore, blobs: Blobs) {
    this.#store = store;
    this.#blobs = blobs;
  }

  /** Name of an entry for messages. */
  nameOf(key: string): string {
    return this.#store.name + objectOf(key);
  }

  /** Reads the description of an entry; undefined if it is not stored. */
  async read(key: string, signal?: AbortSignal): Promise<string | undefined> {
    const text = await this.#store.readText(objectOf(key), signal);
    if (text !== undefined) this.#present.add(key);
    return text;
  }

  /** Downloads a file of an entry to `path`. @throws ReigniteError STORAGE_DAMAGED for a name that leads elsewhere. */
  async fetchFile(key: string, name: string, sha256: string, path: string, signal?: AbortSignal): Promise<void> {
    refuseOddName(name, this.#store, objectOf(key));
    await this.#blobs.fetch(sha256, path, signal);
  }

  /**
   * Stores an entry unless its key is already stored.
   *
   * @param pathOf - Returns the path of a file of the entry on this machine.
   */
  async offer(entry: StorableEntry, pathOf: (name: string) => string, signal?: AbortSignal): Promise<void> {
    const { key, files } = entry;
    if (this.#present.has(key)) return;
    if ((await this.#store.sizeOf(objectOf(key), signal)) === undefined) {
      for (const [name, content] of Object.entries(files)) await this.#blobs.offer(pathOf(name), content, signal);
      await this.#store.writeOnce(objectOf(key), JSON.stringify(entry), signal);
    }
    this.#present.add(key);
  }
}

function objectOf(key: string): string {
  return `cache/${key.slice(0, 2)}/${key}.json`;
}
