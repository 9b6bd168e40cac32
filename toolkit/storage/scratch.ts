import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileDigests } from '../cache/file-digests.ts';
import { sha256Of } from '../files/hash-file.ts';
import type { HomeFolders } from '../files/home-folders.ts';
import { fileExists } from '../files/if-there.ts';
import { inside } from '../files/inside.ts';
import type { Blobs } from './object-store.ts';

/** The data and results folders of a run. */
interface Folders {
  readonly data: string;
  readonly results: string;
}

export interface ScratchOptions {
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
