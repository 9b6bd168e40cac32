import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Sha256 } from '../brands.ts';
import { ReigniteError } from '../errors.ts';
import { makeFolder } from '../files/make-folder.ts';
import { fileExists } from '../files/open-for-reading.ts';
import { temporaryPathBeside } from '../files/temporary-files.ts';
import type { Blobs, Content } from './blobs.ts';
import type { ObjectStore } from './object-store.ts';

const StoredContent = z.object({ sha256: Sha256, bytes: z.int().min(0) });

/** Files by their path below a folder, with their contents. */
export const FileList = z.object({ files: z.record(z.string(), StoredContent) });
export type FileList = z.infer<typeof FileList>;

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
    await this.#store.writeOnce(keyOf(digest), JSON.stringify({ files }), signal);
    this.#present.add(digest);
  }

  /**
   * Downloads a model into a folder, atomically, unless the folder exists.
   *
   * @throws ReigniteError STORAGE_MISSING, STORAGE_DAMAGED, STORAGE_UNAVAILABLE, STORAGE_REFUSED; NO_SPACE.
   */
  async fetch(digest: string, folder: string, signal?: AbortSignal): Promise<void> {
    if (await fileExists(folder)) return;
    const text = await this.#store.readText(keyOf(digest), signal);
    if (text === undefined) {
      throw new ReigniteError('STORAGE_MISSING', `${this.#store.name} has no model ${digest}.`);
    }
    const { files } = parseStored(FileList, text, this.#store, keyOf(digest));
    const building = temporaryPathBeside(folder);
    try {
      await makeFolder(building);
      for (const [name, { sha256 }] of Object.entries(files)) {
        refuseOddName(name, this.#store, keyOf(digest));
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

function keyOf(digest: string): string {
  return `models/${digest}.json`;
}
