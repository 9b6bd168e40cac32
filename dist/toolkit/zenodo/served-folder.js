import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../errors.js';
import { digestsOfFile } from './file-digests.js';
/** The plain files of a folder, as the files of a record; digests are made once for every state of a file. */
export class ServedFolder {
    #folder;
    #digests = new Map();
    constructor(folder) {
        this.#folder = folder;
    }
    /** In the order of their names; hidden files and folders are left out. */
    async files() {
        const entries = await readdir(this.#folder, { withFileTypes: true });
        const keys = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map((entry) => entry.name);
        return Promise.all(keys.sort().map((key) => this.#describe(key)));
    }
    /** Undefined when there is no such file: a key is looked up among the names, never made into a path. */
    async file(key) {
        return (await this.files()).find((file) => file.key === key);
    }
    /** MD5 as lower-case hex. */
    md5Of(file) {
        const state = `${file.key}\0${file.size}\0${file.modifiedMs}`;
        const known = this.#digests.get(state);
        if (known !== undefined)
            return known;
        const made = digestsOfFile(file.path).then(({ md5 }) => md5);
        this.#digests.set(state, made);
        made.catch(() => this.#digests.delete(state));
        return made;
    }
    /** @throws ReigniteError FILE_MISSING when the folder is not there. */
    async check() {
        const entry = await stat(this.#folder).catch(() => undefined);
        if (!entry?.isDirectory())
            throw new ReigniteError('FILE_MISSING', `There is no folder ${this.#folder}.`);
    }
    async #describe(key) {
        const path = join(this.#folder, key);
        const { size, mtimeMs } = await stat(path);
        return { key, path, size, modifiedMs: mtimeMs };
    }
}
