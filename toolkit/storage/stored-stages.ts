import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { inside } from '../files/inside.ts';
import type { Blobs, Content } from './blobs.ts';
import type { ObjectStore } from './object-store.ts';
import { FileList, parseStored } from './stored-files.ts';

/**
 * The file lists of a stage: what it reads from the data folder, and what another machine wrote for the results folder.
 */
export type StageList = 'data' | 'measured';

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
    await this.#store.write(keyOf(stage, name), text, signal);
  }

  read(stage: string, name: string, signal?: AbortSignal): Promise<string | undefined> {
    return this.#store.readText(keyOf(stage, name), signal);
  }

  /** Records the contents of files. */
  async writeList(stage: string, list: StageList, files: Readonly<Record<string, Content>>): Promise<void> {
    await this.write(stage, `${list}.json`, JSON.stringify({ files }));
  }

  /** @returns Undefined if no list was written. */
  async readList(stage: string, list: StageList, signal?: AbortSignal): Promise<FileList['files'] | undefined> {
    const key = `${list}.json`;
    const text = await this.read(stage, key, signal);
    return text === undefined ? undefined : parseStored(FileList, text, this.#store, keyOf(stage, key)).files;
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

function keyOf(stage: string, name: string): string {
  return `stages/${stage}/${name}`;
}
