import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Sha256 } from '../cache/file-digests.ts';
import { bestEffort } from '../concurrency.ts';
import { copyChangingFile, replaceFile, writeFileAtomic } from '../files/atomic-write.ts';
import { makeFolder } from '../files/folders.ts';
import { sha256OfFile } from '../files/hash-file.ts';
import { committedFiles, stepReached } from '../nnunet/sliding-window/partial-roi.ts';
import { finishedTiles } from '../yolo/detect/detection-files.ts';
import type { ObjectStore } from './object-store.ts';
import { parseStored, refuseOddName } from './stored-files.ts';

const PartialList = z.object({
  reached: z.tuple([z.int(), z.int(), z.int()]).readonly(),
  files: z.record(z.string(), Sha256),
  attempts: z.string().nullable().describe('Count of attempts that died, as it is in the work folder'),
});
type PartialList = z.infer<typeof PartialList>;

/** Time limit of the last save of an attempt that is being stopped, ms. */
const LAST_SAVE_MS = 8_000;

export interface SavingOptions {
  /** Time between two saves, ms. */
  readonly everyMs: number;
  /** Called with the error of a save; the attempt continues. */
  readonly onFailure?: (error: unknown) => void;
}

/** If a machine is lost, at most half a minute of work is lost. */
export const USUAL_SAVING: SavingOptions = { everyMs: 30_000 };

/**
 * Partial results of ROIs, so that another machine can resume the work of a lost one. They only save time: failures to
 * store or read them are ignored.
 */
export class StoredPartials {
  readonly #store: ObjectStore;
  readonly #options: SavingOptions;

  constructor(store: ObjectStore, options: SavingOptions = USUAL_SAVING) {
    this.#store = store;
    this.#options = options;
  }

  /**
   * Starts an attempt. Downloads the partial result of another machine into the work folder if it is further, then
   * saves what the attempt commits.
   *
   * @param key - Cache key of the result.
   * @param work - Absolute work folder of the result.
   */
  async begin(key: string, work: string): Promise<SavedPartial> {
    const left = await this.#read(key).catch(this.#tellFailure);
    if (left !== undefined) await this.#take(key, left, work).catch(this.#tellFailure);
    return new SavedPartial(this.#store, { key, work, stored: Object.values(left?.files ?? {}) }, this.#options);
  }

  async #read(key: string): Promise<PartialList | undefined> {
    const text = await this.#store.readText(listOf(key));
    return text === undefined ? undefined : parseStored(PartialList, text, this.#store, listOf(key));
  }

  async #take(key: string, { reached, files, attempts }: PartialList, work: string): Promise<void> {
    const further = compareReached(reached, await reachedIn(work));
    if (further < 0) return;
    if (attempts !== null) await writeFileAtomic(join(work, ATTEMPTS), attempts);
    if (further === 0) return;
    const folder = join(work, PARTIAL);
    await rm(folder, { recursive: true, force: true });
    try {
      await fetchAll(this.#store, key, files, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  readonly #tellFailure = (error: unknown): undefined => this.#options.onFailure?.(error) ?? undefined;
}

async function fetchAll(store: ObjectStore, key: string, files: PartialList['files'], folder: string): Promise<void> {
  for (const [name, sha256] of Object.entries(files)) {
    refuseOddName(name, store, listOf(key));
    await replaceFile(join(folder, name), async (temporary) => {
      const found = await store.readToFile(fileOf(key, sha256), temporary);
      if (found !== sha256) throw new Error(`${store.name}${fileOf(key, sha256)} is gone or damaged`);
    });
  }
}

/** The partial result of one attempt, saved as it grows. */
class SavedPartial {
  readonly #store: ObjectStore;
  readonly #key: string;
  readonly #work: string;
  readonly #options: SavingOptions;
  readonly #ended = new AbortController();
  readonly #saving: Promise<void>;
  /** Digests of files that the storage has, or may have if a save was interrupted. */
  readonly #stored: Set<string>;
  readonly #confirmed: Set<string>;
  #last = '';
  #turn: Promise<void> = Promise.resolve();

  /** @param of.stored - Digests of the files that the storage already has. */
  constructor(
    store: ObjectStore,
    of: { readonly key: string; readonly work: string; readonly stored: readonly string[] },
    options: SavingOptions,
  ) {
    this.#store = store;
    this.#key = of.key;
    this.#work = of.work;
    this.#stored = new Set(of.stored);
    this.#confirmed = new Set(of.stored);
    this.#options = options;
    this.#saving = this.#saveNowAndThen();
  }

  /** Saves what has been committed; one save at a time. A failure is reported and otherwise ignored. */
  save(signal?: AbortSignal): Promise<void> {
    const tell = (error: unknown) => {
      if (signal !== this.#ended.signal || !signal.aborted) this.#options.onFailure?.(error);
    };
    this.#turn = this.#turn.then(() => this.#save(signal)).catch(tell);
    return this.#turn;
  }

  /** Ends an unfinished attempt: saves its last commit once more, for the next attempt. */
  async leave(): Promise<void> {
    await this.stop();
    await this.save(AbortSignal.timeout(LAST_SAVE_MS));
  }

  /** Stops saving. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#saving;
    await this.#turn;
  }

  /** Removes the saved files, once the result itself is stored. */
  async remove(): Promise<void> {
    const remove = async () => {
      await this.#store.remove(listOf(this.#key));
      for (const sha256 of this.#stored) await this.#store.remove(fileOf(this.#key, sha256));
    };
    await bestEffort(remove(), 'what is left expires by a rule of the bucket');
  }

  async #saveNowAndThen(): Promise<void> {
    const { signal } = this.#ended;
    for (;;) {
      await sleep(this.#options.everyMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      await this.save(signal);
    }
  }

  async #save(signal: AbortSignal | undefined): Promise<void> {
    const copies = join(this.#work, 'saving');
    try {
      const copied = await copyPartial(this.#work, copies);
      if (copied === undefined) return;
      const attempts = await readFile(join(this.#work, ATTEMPTS), 'utf8').catch(() => null);
      const files: Record<string, string> = {};
      for (const name of copied.names) files[name] = await this.#offer(join(copies, name), signal);
      const text = JSON.stringify({ reached: copied.reached, files, attempts } satisfies Record<
        keyof PartialList,
        unknown
      >);
      if (text === this.#last) return;
      await this.#store.write(listOf(this.#key), text, signal);
      this.#last = text;
      await this.#removeOthers(files, signal);
    } finally {
      await rm(copies, { recursive: true, force: true });
    }
  }

  async #offer(path: string, signal: AbortSignal | undefined): Promise<string> {
    const sha256 = await sha256OfFile(path);
    const key = fileOf(this.#key, sha256);
    // An interrupted upload may or may not have been stored.
    if (!this.#confirmed.has(sha256)) {
      this.#stored.add(sha256);
      await this.#store.write(key, { path, sha256, bytes: (await stat(path)).size }, signal);
      this.#confirmed.add(sha256);
    }
    return sha256;
  }

  async #removeOthers(files: Readonly<Record<string, string>>, signal: AbortSignal | undefined): Promise<void> {
    const kept = new Set(Object.values(files));
    for (const sha256 of [...this.#stored].filter((each) => !kept.has(each))) {
      this.#confirmed.delete(sha256);
      await this.#store.remove(fileOf(this.#key, sha256), signal);
      this.#stored.delete(sha256);
    }
  }
}

function listOf(key: string): string {
  return `partial/${key}/list.json`;
}

function fileOf(key: string, sha256: string): string {
  return `partial/${key}/${sha256}`;
}

/** Name of the folder of partial results in a work folder. */
const PARTIAL = 'partial';
/** File of a work folder that counts crashed attempts. */
const ATTEMPTS = 'attempts.json';

/** A commit during the copying makes the copy useless; copying is attempted this many times. */
const TRIES = 3;

/** Progress of a partial result: tile row, fold, tiles. */
type Reached = readonly [row: number, fold: number, tiles: number];

/** Reads the progress of the partial result in a work folder. */
async function reachedIn(work: string): Promise<Reached> {
  const folder = join(work, PARTIAL);
  const { row, fold } = stepReached(folder);
  return [row, fold, (await finishedTiles(folder)).length];
}

/** Compares two states of progress; positive if `one` is further. */
function compareReached(one: Reached, other: Reached): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}

/**
 * Copies a partial result as of its last commit, while another thread works on it.
 *
 * @returns Its progress and the names of the copied files; undefined if a commit interrupted every attempt.
 */
async function copyPartial(
  work: string,
  target: string,
): Promise<{ readonly reached: Reached; readonly names: readonly string[] } | undefined> {
  const folder = join(work, PARTIAL);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    await rm(target, { recursive: true, force: true });
    await makeFolder(target);
    const reached = await reachedIn(work);
    const [state, ...committed] = committedFiles(folder);
    const names = [...(state === undefined ? [] : [state]), ...committed, ...(await finishedTiles(folder))];
    try {
      for (const name of names) await copyChangingFile(join(folder, name), join(target, name));
      if (state === undefined || (await isSame(join(folder, state), join(target, state)))) return { reached, names };
    } catch {
      // A commit removed a file.
    }
  }
  return undefined;
}

async function isSame(one: string, other: string): Promise<boolean> {
  return (await readFile(one)).equals(await readFile(other));
}
