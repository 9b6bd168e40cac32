import { type Stats, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { sha256OfFile } from '../files/hash-file.ts';

/** Files asked for between which others get a turn: a glance at one takes no thread, and no time. */
const LOOKS_A_TURN = 256;

/** What tells whether a file is the one that was hashed: size in bytes, times of change in ms, inode; then its digest. */
type Hashed = readonly [size: number, mtimeMs: number, ctimeMs: number, inode: number, sha256: string];
/** Files by path. A schema of its parts would take seconds for the files of a hundred thousand ROIs. */
const Memo = z.custom<[string, Hashed][]>((list) => Array.isArray(list) && list.every(isFileHashed));

/**
 * SHA-256 of files, remembered by size, time of change and inode: a file that was hashed once and has not been
 * touched since is not read again. A file younger than 2 s is not remembered, since a change within the clock's
 * grain would go unseen.
 */
export class FileDigests {
  readonly #path: string;
  #memo: Map<string, Hashed> | undefined;
  #changed = false;
  #looks = 0;

  /** @param path - Where the memory is kept between runs. */
  constructor(path: string) {
    this.#path = path;
  }

  /** @throws ReigniteError FILE_MISSING when there is no such file. */
  async sha256(path: string, signal?: AbortSignal): Promise<string> {
    this.#looks += 1;
    if (this.#looks % LOOKS_A_TURN === 0) await nextTurn();
    const memo = await this.#load();
    const before = statSync(path, { throwIfNoEntry: false });
    const known = memo.get(path);
    if (before === undefined) throw new ReigniteError('FILE_MISSING', `There is no file ${path}.`);
    if (known !== undefined && isUntouched(known, before)) return known[4];
    const digest = await sha256OfFile(path, signal);
    const hashed: Hashed = [before.size, before.mtimeMs, before.ctimeMs, before.ino, digest];
    const after = statSync(path, { throwIfNoEntry: false });
    if (after !== undefined && isUntouched(hashed, after) && Date.now() - after.ctimeMs > 2_000) {
      memo.set(path, hashed);
      this.#changed = true;
    }
    return digest;
  }

  /** Writes the memory to disk. Losing it costs time, never correctness. */
  async save(): Promise<void> {
    if (!this.#changed || this.#memo === undefined) return;
    await writeFileAtomic(this.#path, JSON.stringify([...this.#memo]));
    this.#changed = false;
  }

  async #load(): Promise<Map<string, Hashed>> {
    this.#memo ??= new Map(await readMemo(this.#path));
    return this.#memo;
  }
}

async function readMemo(path: string): Promise<z.infer<typeof Memo>> {
  try {
    return Memo.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return [];
  }
}

function isFileHashed(file: unknown): boolean {
  if (!Array.isArray(file) || file.length !== 2 || typeof file[0] !== 'string') return false;
  const hashed: unknown = file[1];
  if (!Array.isArray(hashed) || hashed.length !== 5) return false;
  for (let k = 0; k < 4; k++) if (!Number.isFinite(hashed[k])) return false;
  const sha256: unknown = hashed[4];
  return typeof sha256 === 'string' && sha256.length === 64;
}

function isUntouched([size, mtimeMs, ctimeMs, ino]: Hashed, now: Stats): boolean {
  return now.size === size && now.mtimeMs === mtimeMs && now.ctimeMs === ctimeMs && now.ino === ino;
}
