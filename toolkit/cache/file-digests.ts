import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { fileMissing } from '../files/file-access.ts';
import { sha256OfFile } from '../files/hash-file.ts';

/** SHA-256 of the bytes of a file, as 64 hex digits. */
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .brand<'Sha256'>();
export type Sha256 = z.infer<typeof Sha256>;

/** Lookups after which other work gets a turn: a lookup is synchronous and takes almost no time. */
const LOOKUPS_PER_TURN = 256;

const DIGEST_LENGTH = 64;
/** Digest; size in bytes, mtime and ctime in ms, inode. */
const KNOWN = /^[0-9a-f]{64}( [0-9.]+){4}$/;

/**
 * Computes SHA-256 of files and remembers it by size, mtime, ctime and inode, so that an unchanged file is read only
 * once. A file changed in the last 2 s is not remembered: a further change might not alter its timestamps.
 */
export class FileDigests {
  readonly #path: string;
  /** By path: the digest, a space, and the file's state when it was hashed. */
  #memo: Promise<Map<string, string>> | undefined;
  #changed = false;
  #looks = 0;

  /** @param path - File that keeps the digests between runs. */
  constructor(path: string) {
    this.#path = path;
  }

  /** @throws ReigniteError FILE_MISSING if the file does not exist. */
  async sha256(path: string, signal?: AbortSignal): Promise<Sha256> {
    this.#looks += 1;
    if (this.#looks % LOOKUPS_PER_TURN === 0) await nextTurn();
    this.#memo ??= readMemo(this.#path);
    const memo = await this.#memo;
    const before = stateOf(path);
    const known = memo.get(path);
    if (before === undefined) throw fileMissing(path);
    if (known?.slice(DIGEST_LENGTH + 1) === before.state) return Sha256.parse(known.slice(0, DIGEST_LENGTH));
    const digest = await sha256OfFile(path, signal);
    const after = stateOf(path);
    if (after?.state === before.state && Date.now() - after.changedMs > 2_000 && !path.includes('\n')) {
      memo.set(path, `${digest} ${after.state}`);
      this.#changed = true;
    }
    return Sha256.parse(digest);
  }

  /** Writes the digests to disk. Losing them costs time, never correctness. */
  async save(): Promise<void> {
    if (!this.#changed || this.#memo === undefined) return;
    await writeFileAtomic(this.#path, [...(await this.#memo)].map(([path, known]) => `${path}\t${known}\n`).join(''));
    this.#changed = false;
  }
}

/** Reads one line per file. A line is parsed only when its file is looked up: there may be hundreds of thousands. */
async function readMemo(path: string): Promise<Map<string, string>> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const memo = new Map<string, string>();
  for (const line of text.split('\n')) {
    const tab = line.lastIndexOf('\t');
    if (KNOWN.test(line.slice(tab + 1))) memo.set(line.slice(0, tab), line.slice(tab + 1));
  }
  return memo;
}

function stateOf(path: string): { readonly state: string; readonly changedMs: number } | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const { size, mtimeMs, ctimeMs, ino } = found;
  return { state: `${size} ${mtimeMs} ${ctimeMs} ${ino}`, changedMs: ctimeMs };
}
