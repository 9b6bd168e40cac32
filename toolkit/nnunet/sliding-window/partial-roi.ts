import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { temporaryPathBeside } from '../../files/atomic-write.ts';
import { asDiskError } from '../../files/file-access.ts';
import { makeFolderSync } from '../../files/folders.ts';
import { bytesOf, crcOfFile, PendingFiles, PieceFile, readAt, writeOver } from './partial-files.ts';

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
/** Limits for files that wait for a commit: time in ms and memory in bytes. */
interface Waiting {
  readonly commitMs: number;
  readonly mostPending: number;
}

/** Names of files that reignite wrote. Only these may be deleted in the folder. */
const OURS = /^(state\.json|[a-z]+-\d+(-\d+)?\.[0-9a-f]{8}|\.state\.json\..*\.tmp)$/;

/** Maximum memory of files that wait for a commit, bytes. The same amount may be kept for reuse. */
const MOST_PENDING = 256 * 2 ** 20;

/** Everything that a partial result depends on. With another identity, the ROI starts over. */
export type PartialIdentity = Readonly<Record<string, string>>;

/** Where a job resumes: the first tile row and fold not yet done. */
export interface RoiStep {
  readonly row: number;
  readonly fold: number;
}

/**
 * The partial result of an ROI on disk, from which the next job resumes after a kill, with bit-identical results.
 *
 * Each file is written once and becomes valid when `state.json`, which is replaced atomically, lists it with length and
 * CRC-32. Files written after the last commit are written again by the next attempt. Nothing is synced to disk: after a
 * power cut, the checksums detect the damage and the ROI starts over.
 *
 * A process that was presumed dead may still be running. File names contain an ID of their writer, and a commit fails
 * if another process has opened the folder since. So the older of two writers cannot do damage, and stops.
 *
 * File operations are synchronous, so this belongs in a worker thread.
 */
export class PartialRoi {
  readonly #folder: string;
  readonly #owner = randomBytes(4).toString('hex');
  readonly #identity: PartialIdentity;
  readonly #files: Map<string, FileRecord>;
  /** Files that no commit needs any more. Overwriting their blocks takes a tenth of the time of new ones. */
  readonly #spares: string[] = [];
  /** Files that no commit has written yet. */
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
   * Opens the folder in the state of the last commit. Starts over in an empty folder if there was no commit, if it has
   * another identity, or if a file does not match it.
   *
   * @param commitMs - Commits within this time of the previous one are postponed, ms, because a step of a few
   *   milliseconds is repeated faster than its files are written. Until then, its files are in memory.
   * @param mostPending - Bytes of these files above which a commit is not postponed. Default: 256 MiB.
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

  /** Returns the path of a file of the partial result. */
  pathOf(name: string): string {
    const record = this.#files.get(name);
    if (record === undefined) throw new RangeError(`Expected a file of the partial result, got ${name}`);
    return join(this.#folder, record.file);
  }

  /** Writes a large file, over one that is no longer needed if there is one. */
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

  /** Opens a large file to write in pieces, over one that is no longer needed if there is one. It is added once it ends. */
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
   * @param from - Index of the first element.
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
   * Commits everything written so far, with the next step and the files that it no longer needs. May be postponed.
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
   * Commits everything that was postponed.
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
      // It contains other files, or no longer exists.
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

  /** Missing files can mean that another process took over the ROI: reports that instead. */
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
    throw new ReigniteError('INFERENCE_FAILED', `Another process took over the partial result in ${this.#folder}.`, {
      remedy: 'Run the same command again once the other process has ended; a run does so by itself.',
    });
  }
}

/** Returns how far earlier attempts came, according to the partial result of an ROI in the folder. */
export function stepReached(folder: string): RoiStep {
  return readState(folder)?.next ?? { row: 0, fold: 0 };
}

/** Names the files of the last commit in the folder, `state.json` first; empty if there was no commit. */
export function committedFiles(folder: string): readonly string[] {
  const state = readState(folder);
  const files = Object.values(state?.files ?? {}).map(({ file }) => file);
  return state === undefined ? [] : [STATE_FILE, ...files.filter((file) => OURS.test(file))];
}

function readState(folder: string): State | undefined {
  try {
    return State.parse(JSON.parse(readFileSync(join(folder, STATE_FILE), 'utf8')));
  } catch {
    // Missing, truncated or of another schema: there is nothing to resume from.
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
