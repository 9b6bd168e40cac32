import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { asDiskError } from '../../files/disk-error.ts';
import { makeFolderSync } from '../../files/make-folder.ts';
import { temporaryPathBeside } from '../../files/temporary-files.ts';
import { PieceFile } from '../piece-file.ts';
import { PendingFiles } from './pending-files.ts';
import { bytesOf, crcOfFile, readAt, writeOver } from './raw-file.ts';
import type { RoiStep } from './roi-job.ts';

const FileRecord = z.object({
  file: z.string().describe('Name in the folder'),
  bytes: z.int().min(0),
  crc: z.int().min(0).describe('CRC-32 of its bytes'),
});
type FileRecord = z.infer<typeof FileRecord>;

const State = z.object({
  identity: z.record(z.string(), z.string()),
  owner: z.string().describe('ID of the process that opened the folder last'),
  next: z.object({ row: z.int().min(0), fold: z.int().min(0) }),
  files: z.record(z.string(), FileRecord).describe('By what they hold'),
});
type State = z.infer<typeof State>;

const STATE_FILE = 'state.json';
/** How long files may wait for a commit. */
interface Waiting {
  readonly commitMs: number;
  readonly mostPending: number;
}

/** What may be deleted in the folder: only files that reignite wrote. */
const OURS = /^(state\.json|[a-z]+-\d+(-\d+)?\.[0-9a-f]{8}|\.state\.json\..*\.tmp)$/;

/** Files that wait for a commit may take this much memory, and as much may be kept for those to come, bytes. */
const MOST_PENDING = 256 * 2 ** 20;

/** All that the numbers of a partial result depend on; another identity starts over. */
export type PartialIdentity = Readonly<Record<string, string>>;

/**
 * What a killed job leaves on disk so that the next one resumes with the same bits.
 *
 * Every file is written once and counts from the moment when `state.json`, replaced atomically, names it with length
 * and CRC-32. Whatever was written after the last commit is written again by the next attempt. Nothing is synced:
 * after a power cut the checksums detect it, and the ROI starts over.
 *
 * A process thought dead may still be at work. Files bear the name of their writer, and a commit fails when another
 * opened the folder since: the older of two writers can spoil nothing and ends.
 *
 * File operations are synchronous: this belongs in a worker thread, and a commit is over in an instant.
 */
export class PartialRoi {
  readonly #folder: string;
  readonly #owner = randomBytes(4).toString('hex');
  readonly #identity: PartialIdentity;
  readonly #files: Map<string, FileRecord>;
  /** Files that no commit needs any more: writing over their blocks takes a tenth of the time of new ones. */
  readonly #spares: string[] = [];
  /** What no commit has written yet. */
  readonly #pending: PendingFiles;
  /** Files of earlier commits that the next one no longer needs. */
  readonly #superseded: string[] = [];
  readonly #commitMs: number;
  readonly #mostPending: number;
  #committedAt = performance.now();
  #next: RoiStep;

  private constructor(
    folder: string,
    { identity, next, files }: Omit<State, 'owner'>,
    { commitMs, mostPending }: Waiting,
  ) {
    this.#folder = folder;
    this.#commitMs = commitMs;
    this.#mostPending = mostPending;
    this.#pending = new PendingFiles(mostPending);
    this.#identity = identity;
    this.#files = new Map(Object.entries(files));
    this.#next = next;
  }

  /**
   * Opens the folder where the last commit left it; starts over, in an empty folder, when there is none, when it is
   * of another identity, or when a file is not what the commit says.
   *
   * @param commitMs - Commits that follow the one before sooner are left out: a step of a few milliseconds is done again
   *   sooner than its files are written. Until then its files are in memory.
   * @param mostPending - Bytes of these files above which a commit is not left out. Default: 256 MiB.
   */
  static open(folder: string, identity: PartialIdentity, commitMs = 0, mostPending = MOST_PENDING): PartialRoi {
    const state = readState(folder);
    const isSound = state !== undefined && isSame(state.identity, identity) && filesAreSound(folder, state);
    const kept = isSound ? [STATE_FILE, ...Object.values(state.files).map(({ file }) => file)] : [];
    removeOthers(folder, new Set(kept));
    makeFolderSync(folder);
    const start = isSound ? state : { identity: { ...identity }, next: { row: 0, fold: 0 }, files: {} };
    const partial = new PartialRoi(folder, start, { commitMs, mostPending });
    partial.#writeState();
    return partial;
  }

  /** The first step that is not done. */
  get next(): RoiStep {
    return this.#next;
  }

  /** Where the file of this name lies. */
  pathOf(name: string): string {
    const record = this.#files.get(name);
    if (record === undefined) throw new RangeError(`Expected a file of the partial result, got ${name}`);
    return join(this.#folder, record.file);
  }

  /** Writes a large file, over one that is not needed any more if there is such. */
  writeFloats(name: string, data: Float32Array): void {
    if (this.#commitMs > 0) this.#pending.set(name, bytesOf(data));
    else this.#writeLarge(name, bytesOf(data));
  }

  #writeLarge(name: string, bytes: Uint8Array): void {
    const spare = this.#spares.pop();
    if (spare !== undefined) {
      this.#asOwner(() => renameSync(join(this.#folder, spare), join(this.#folder, this.#fileOf(name))));
    }
    this.#write(name, bytes);
  }

  /** Writes a large file piece by piece, over one that is not needed any more if there is such; it counts once ended. */
  openPieces(name: string): PieceFile {
    const path = join(this.#folder, this.#fileOf(name));
    const spare = this.#spares.pop();
    if (spare !== undefined) this.#asOwner(() => renameSync(join(this.#folder, spare), path));
    const file = new PieceFile(path, (operation) => this.#asOwner(operation));
    file.whenEnded((bytes, crc) => this.#files.set(name, { file: this.#fileOf(name), bytes, crc }));
    return file;
  }

  /** Writes a file. */
  writeBytes(name: string, bytes: Uint8Array): void {
    if (this.#commitMs > 0) this.#pending.set(name, bytes);
    else this.#write(name, bytes);
  }

  #write(name: string, bytes: Uint8Array): void {
    const file = this.#fileOf(name);
    this.#asOwner(() => writeOver(join(this.#folder, file), bytes));
    this.#files.set(name, { file, bytes: bytes.length, crc: crc32(bytes) });
  }

  /**
   * Reads part of a file of float32.
   *
   * @param from - Index of the first.
   */
  readFloats(name: string, from: number, into: Float32Array): void {
    const pending = this.#pending.get(name);
    if (pending !== undefined) {
      const start = from * Float32Array.BYTES_PER_ELEMENT;
      bytesOf(into).set(pending.subarray(start, start + into.byteLength));
      return;
    }
    this.#asOwner(() => readAt(this.pathOf(name), from * Float32Array.BYTES_PER_ELEMENT, bytesOf(into)));
  }

  /**
   * Makes everything written so far count, and names the next step and the files that it no longer needs.
   *
   * @throws ReigniteError INFERENCE_FAILED when another process opened the folder meanwhile.
   */
  commit(next: RoiStep, superseded: readonly string[]): void {
    this.#superseded.push(...superseded.filter((name) => !this.#pending.delete(name)));
    this.#next = next;
    const isDue = performance.now() - this.#committedAt >= this.#commitMs;
    if (isDue || this.#pending.bytes.pending > this.#mostPending) this.#commitNow();
  }

  /**
   * Makes everything count that a commit left for later.
   *
   * @throws ReigniteError INFERENCE_FAILED when another process opened the folder meanwhile.
   */
  flush(): void {
    if (this.#commitMs > 0) this.#commitNow();
  }

  #commitNow(): void {
    this.#checkOwner();
    for (const [name, bytes] of this.#pending.takeAll()) this.#writeLarge(name, bytes);
    const superseded = this.#superseded.splice(0);
    const spares = superseded.flatMap((name) => this.#files.get(name)?.file ?? []);
    for (const name of superseded) this.#files.delete(name);
    this.#writeState();
    this.#spares.push(...spares);
    this.#committedAt = performance.now();
  }

  /**
   * Reads files of the partial result.
   *
   * @throws ReigniteError INFERENCE_FAILED when another process finished meanwhile and deleted them.
   */
  async reading(operation: () => Promise<void>): Promise<void> {
    try {
      await operation();
    } catch (error) {
      if (Object(error).code === 'ENOENT') this.#checkOwner();
      throw error;
    }
  }

  /**
   * Deletes our files, and the folder if nothing else is in it.
   *
   * @throws ReigniteError INFERENCE_FAILED when another process opened the folder meanwhile and still needs them.
   */
  remove(): void {
    this.#checkOwner();
    removeOthers(this.#folder, new Set());
    try {
      rmdirSync(this.#folder);
    } catch {
      // It holds files of others, or is gone already.
    }
  }

  #fileOf(name: string): string {
    return `${name}.${this.#owner}`;
  }

  #writeState(): void {
    const state: State = {
      identity: this.#identity,
      owner: this.#owner,
      next: this.#next,
      files: Object.fromEntries(this.#files),
    };
    const path = join(this.#folder, STATE_FILE);
    const temporary = temporaryPathBeside(path);
    this.#asOwner(() => {
      writeFileSync(temporary, JSON.stringify(state));
      renameSync(temporary, path);
    });
  }

  /** Missing files mean that another process works on the ROI: report that instead. */
  #asOwner(operation: () => void): void {
    try {
      operation();
    } catch (error) {
      const { code } = Object(error);
      if (code === 'ENOENT') this.#checkOwner();
      throw asDiskError(error, this.#folder);
    }
  }

  #checkOwner(): void {
    if (readState(this.#folder)?.owner === this.#owner) return;
    throw new ReigniteError('INFERENCE_FAILED', `Another process took over the partial result in ${this.#folder}.`);
  }
}

/** How far earlier attempts at the ROI came whose partial result is in the folder. */
export function stepReached(folder: string): RoiStep {
  return readState(folder)?.next ?? { row: 0, fold: 0 };
}

/** Names of the files in the folder that the last commit counts on, its own first; none where there was no commit. */
export function committedFiles(folder: string): readonly string[] {
  const state = readState(folder);
  const files = Object.values(state?.files ?? {}).map(({ file }) => file);
  return state === undefined ? [] : [STATE_FILE, ...files.filter((file) => OURS.test(file))];
}

function readState(folder: string): State | undefined {
  try {
    return State.parse(JSON.parse(readFileSync(join(folder, STATE_FILE), 'utf8')));
  } catch {
    // Missing, cut off or of an older layout: all the same, there is nothing to resume from.
    return undefined;
  }
}

function isSame(one: PartialIdentity, other: PartialIdentity): boolean {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => one[key] === other[key]);
}

function filesAreSound(folder: string, { files }: State): boolean {
  return Object.values(files).every(
    ({ file, bytes, crc }) => OURS.test(file) && crcOfFile(join(folder, file), bytes) === crc,
  );
}

function removeOthers(folder: string, kept: ReadonlySet<string>): void {
  let names: readonly string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    return;
  }
  for (const name of names) {
    if (OURS.test(name) && !kept.has(name)) rmSync(join(folder, name), { force: true });
  }
}
