import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../errors.ts';
import { digestsOfFile } from './file-digests.ts';

export interface ServedFile {
  readonly key: string;
  readonly path: string;
  readonly size: number;
  readonly modifiedMs: number;
}

/** The plain files of a folder, as the files of a record; digests are made once for every state of a file. */
export class ServedFolder {
  readonly #folder: string;
  readonly #digests = new Map<string, Promise<string>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** In the order of their names; hidden files and folders are left out. */
  async files(): Promise<readonly ServedFile[]> {
    const entries = await readdir(this.#folder, { withFileTypes: true });
    const keys = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map((entry) => entry.name);
    return Promise.all(keys.sort().map((key) => this.#describe(key)));
  }

  /** Undefined when there is no such file: a key is looked up among the names, never made into a path. */
  async file(key: string): Promise<ServedFile | undefined> {
    return (await this.files()).find((file) => file.key === key);
  }

  /** MD5 as lower-case hex. */
  md5Of(file: ServedFile): Promise<string> {
    const state = `${file.key}\0${file.size}\0${file.modifiedMs}`;
    const known = this.#digests.get(state);
    if (known !== undefined) return known;
    const made = digestsOfFile(file.path).then(({ md5 }) => md5);
    this.#digests.set(state, made);
    made.catch(() => this.#digests.delete(state));
    return made;
  }

  /** @throws ReigniteError FILE_MISSING when the folder is not there. */
  async check(): Promise<void> {
    const entry = await stat(this.#folder).catch(() => undefined);
    if (!entry?.isDirectory()) throw new ReigniteError('FILE_MISSING', `There is no folder ${this.#folder}.`);
  }

  async #describe(key: string): Promise<ServedFile> {
    const path = join(this.#folder, key);
    const { size, mtimeMs } = await stat(path);
    return { key, path, size, modifiedMs: mtimeMs };
  }
}
