import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { sha256OfFile } from '../files/hash-file.ts';

/** Files asked for between which others get a turn: a glance at one takes no thread, and no time. */
const LOOKS_A_TURN = 256;

const Memo = z.record(z.string(), z.tuple([z.string(), z.string().length(64)]));

/**
 * SHA-256 of files, remembered by size, time of change and inode: a file that was hashed once and has not been
 * touched since is not read again. A file younger than 2 s is not remembered, since a change within the clock's
 * grain would go unseen.
 */
export class FileDigests {
  readonly #path: string;
  #memo: Map<string, readonly [string, string]> | undefined;
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
    const before = signatureOf(path);
    const known = memo.get(path);
    if (before === undefined) throw new ReigniteError('FILE_MISSING', `There is no file ${path}.`);
    if (known?.[0] === before.signature) return known[1];
    const digest = await sha256OfFile(path, signal);
    const after = signatureOf(path);
    if (after !== undefined && after.signature === before.signature && Date.now() - after.changedMs > 2_000) {
      memo.set(path, [after.signature, digest]);
      this.#changed = true;
    }
    return digest;
  }

  /** Writes the memory to disk. Losing it costs time, never correctness. */
  async save(): Promise<void> {
    if (!this.#changed || this.#memo === undefined) return;
    await writeFileAtomic(this.#path, JSON.stringify(Object.fromEntries(this.#memo)));
    this.#changed = false;
  }

  async #load(): Promise<Map<string, readonly [string, string]>> {
    this.#memo ??= new Map(Object.entries(await readMemo(this.#path)));
    return this.#memo;
  }
}

async function readMemo(path: string): Promise<z.infer<typeof Memo>> {
  try {
    return Memo.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return {};
  }
}

function signatureOf(path: string): { signature: string; changedMs: number } | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const { size, mtimeNs, ctimeNs, ino } = found;
  return { signature: `${size}:${mtimeNs}:${ctimeNs}:${ino}`, changedMs: Number(ctimeNs / 1_000_000n) };
}
