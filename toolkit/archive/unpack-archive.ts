import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { mapConcurrent } from '../concurrency.ts';
import { ReigniteError } from '../errors.ts';
import { replaceFile, sweepTemporaries } from '../files/atomic-write.ts';
import { hasCode, lstatIfThere } from '../files/file-access.ts';
import { makeFolder } from '../files/folders.ts';
import { ensureFreeSpace } from '../files/suitable-file-system.ts';
import type { CheckedEntry } from './check-entries.ts';
import {
  type ArchiveMember,
  asArchiveError,
  checkedMembers,
  type ListArchiveOptions,
  memberOf,
  type OpenArchive,
  type PlacedEntry,
  withArchive,
} from './read-archive.ts';

/** A file that was unpacked or was already present. */
export interface UnpackedFile extends ArchiveMember {
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface UnpackArchiveOptions extends ListArchiveOptions {
  readonly archive: string;
  /** Folder in which `root` is created. */
  readonly target: string;
  /** Called with the bytes on disk so far, and in total. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
}

/** Members unpacked at the same time: one is inflated while others are read, hashed or written. */
const MAX_CONCURRENT = 4;

/**
 * Unpacks a zip, also a 64-bit one, into `target/root`. The whole central directory is checked before the first byte is
 * written. Every member is checked by size and CRC-32 before it is renamed to its final name. Existing files with the right
 * size and CRC-32 are kept, so an interrupted attempt is resumed. Memory does not grow with the archive.
 *
 * @returns The files in the order of the archive, with `path` relative to `target`, and their total size in bytes.
 * @throws ReigniteError ARCHIVE_UNSAFE or ARCHIVE_CORRUPT naming archive and member; FILE_MISSING; NO_SPACE, before the
 *   first byte is written if the disk is too small; NOT_WRITABLE. The signal's reason when aborted.
 */
export async function unpackArchive(
  options: UnpackArchiveOptions,
): Promise<{ readonly files: readonly UnpackedFile[]; readonly bytes: number }> {
  const { archive: path, target, signal, onProgress } = options;
  return withArchive(path, async (archive) => {
    const { files: members, folders } = await checkedMembers(archive, options);
    const placeOf = (name: string) => join(target, ...name.split('/'));
    const total = members.reduce((sum, { entry }) => sum + entry.uncompressedSize, 0);
    await sweepBeside(members.map((member) => placeOf(member.path)));
    await ensureFreeSpace(target, total - (await bytesPresent(members, placeOf)));
    const progress = new MemberProgress(total, onProgress);
    const files = await mapConcurrent(members, MAX_CONCURRENT, signal, (member) =>
      unpackMember(archive, member, placeOf(member.path), signal, progress.ofMember()),
    );
    for (const folder of folders) await makeFolder(placeOf(folder));
    return { files, bytes: total };
  });
}

/** Removes temporary files that interrupted attempts left, so that the data folder contains only published files. */
async function sweepBeside(places: readonly string[]): Promise<void> {
  const known = new Set(places);
  for (const folder of new Set(places.map((place) => dirname(place)))) {
    await sweepTemporaries(folder, { of: (name) => known.has(join(folder, name)) });
  }
}

/** Sums the progress of members that are unpacked at the same time. */
class MemberProgress {
  readonly #total: number;
  readonly #onProgress: ((bytes: number, total: number) => void) | undefined;
  #bytes = 0;

  constructor(total: number, onProgress: ((bytes: number, total: number) => void) | undefined) {
    this.#total = total;
    this.#onProgress = onProgress;
  }

  /** @returns A function to call with the bytes of one member so far, which may decrease if it is restarted. */
  ofMember(): (bytes: number) => void {
    let before = 0;
    return (bytes) => {
      this.#bytes += bytes - before;
      before = bytes;
      this.#onProgress?.(this.#bytes, this.#total);
    };
  }
}

async function unpackMember(
  archive: OpenArchive,
  member: PlacedEntry,
  place: string,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<UnpackedFile> {
  const sha256 =
    (await sha256WhenRight(place, memberOf(member), signal, onBytes)) ??
    (await writeMember(archive, member, place, { signal, onBytes }));
  return { ...memberOf(member), sha256 };
}

/** Sums the files that are probably complete, judged by size only. Wrong ones are moved aside and written again later. */
async function bytesPresent(members: readonly PlacedEntry[], placeOf: (path: string) => string): Promise<number> {
  let bytes = 0;
  for (const { entry, path } of members) {
    const found = await lstatIfThere(placeOf(path));
    if (found?.isFile() && found.size === entry.uncompressedSize) bytes += found.size;
  }
  return bytes;
}

/**
 * Members up to this size in bytes are inflated in one piece, which is far quicker than a stream. Several are in memory at
 * the same time.
 */
const ONE_PIECE = 4 * 2 ** 20;
const STORED = 0;

const inflate = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw);

/**
 * Yields the unpacked content of a member, in one or more pieces.
 *
 * @throws ReigniteError ARCHIVE_CORRUPT or ARCHIVE_UNSAFE: errors here are caused by the archive, not by the disk to which
 *   it is unpacked.
 */
async function* contentOf(archive: OpenArchive, member: PlacedEntry): AsyncGenerator<Buffer> {
  const { path, zip } = archive;
  const { entry, name } = member;
  try {
    if (Math.max(entry.compressedSize, entry.uncompressedSize) <= ONE_PIECE) yield await inOnePiece(archive, member);
    else for await (const chunk of await zip.openReadStreamPromise(entry)) yield chunk;
  } catch (error) {
    throw asArchiveError(error, path, name);
  }
}

async function inOnePiece({ path, file }: OpenArchive, { entry, name, dataStart }: PlacedEntry): Promise<Buffer> {
  const { compressedSize, uncompressedSize, compressionMethod } = entry;
  const packed = Buffer.allocUnsafe(compressedSize);
  const { bytesRead } = await file.read(packed, 0, compressedSize, dataStart);
  if (bytesRead < compressedSize) {
    throw new ReigniteError('ARCHIVE_CORRUPT', `${path}, member ${JSON.stringify(name)}: the data ends early.`);
  }
  if (compressionMethod === STORED) return packed;
  // A limit of 0 means no limit.
  return inflate(packed, { maxOutputLength: Math.max(1, uncompressedSize) });
}

interface WriteMemberOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of the member so far. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Writes a member to a temporary file, checks its size and CRC-32, and renames it. If another file has its name, that file
 * is moved aside (`<name>.wrong-1`), never deleted.
 *
 * @returns SHA-256 of the member.
 * @throws ReigniteError ARCHIVE_CORRUPT, ARCHIVE_UNSAFE, NO_SPACE, NOT_WRITABLE; the signal's reason when aborted.
 */
async function writeMember(
  archive: OpenArchive,
  member: PlacedEntry,
  place: string,
  { signal, onBytes }: WriteMemberOptions,
): Promise<string> {
  const digests = new MemberDigests();
  try {
    await replaceFile(place, async (temporary) => {
      const handle = await open(temporary, 'wx');
      try {
        for await (const chunk of contentOf(archive, member)) {
          signal?.throwIfAborted();
          digests.update(chunk);
          await writeAll(handle, chunk);
          onBytes(digests.size);
        }
        checkContent(archive.path, member, digests);
        await handle.sync();
      } finally {
        await handle.close();
      }
      signal?.throwIfAborted();
      await moveAside(place);
    });
  } catch (error) {
    throw asObstacle(error, place) ?? error;
  }
  return digests.sha256();
}

/** Writes all bytes, with several calls if the system accepts fewer at once, for example on a disk that is almost full. */
async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten;
  }
}

/** Moves a file aside. A folder stays, and the rename onto it then fails. */
async function moveAside(place: string): Promise<void> {
  const found = await lstatIfThere(place);
  if (found === undefined || found.isDirectory()) return;
  let n = 1;
  while (existsSync(`${place}.wrong-${n}`)) n++;
  await rename(place, `${place}.wrong-${n}`);
}

/** Converts errors about a folder in place of a file, or the reverse. It belongs to the user and is not moved. */
function asObstacle(error: unknown, place: string): ReigniteError | undefined {
  if (!hasCode(error, 'EISDIR', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY')) return undefined;
  return new ReigniteError(
    'NOT_WRITABLE',
    `${place} cannot be written: a folder is where a file should be, or a file where a folder should be.`,
    { cause: error, remedy: 'Move it away, then run the same command again.' },
  );
}

function checkContent(archive: string, { entry, name }: CheckedEntry, { size, crc32 }: MemberDigests): void {
  if (size === entry.uncompressedSize && crc32 === entry.crc32) return;
  const hex = (value: number) => value.toString(16).padStart(8, '0');
  throw new ReigniteError(
    'ARCHIVE_CORRUPT',
    `${archive}, member ${JSON.stringify(name)}: it was unpacked to ${size} bytes with CRC-32 ${hex(crc32)}; ` +
      `the archive states ${entry.uncompressedSize} bytes with ${hex(entry.crc32)}.`,
  );
}

/** Size, CRC-32 and SHA-256 of streamed bytes. */
class MemberDigests {
  size = 0;
  crc32 = 0;
  readonly #sha256 = createHash('sha256');

  update(chunk: Buffer): void {
    this.size += chunk.length;
    this.crc32 = crc32(chunk, this.crc32);
    this.#sha256.update(chunk);
  }

  /** Returns the SHA-256 in lower-case hex. Can be called only once. */
  sha256(): string {
    return this.#sha256.digest('hex');
  }
}

/**
 * Returns the SHA-256 of the file at `place` if its size and CRC-32 are those of the member; else undefined.
 *
 * @param onBytes - Called with the bytes read so far.
 */
export async function sha256WhenRight(
  place: string,
  member: ArchiveMember,
  signal: AbortSignal | undefined,
  onBytes?: (bytes: number) => void,
): Promise<string | undefined> {
  const entry = await lstatIfThere(place);
  if (!entry?.isFile() || entry.size !== member.size) return undefined;
  const digests = new MemberDigests();
  for await (const chunk of createReadStream(place, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    digests.update(chunk);
    onBytes?.(digests.size);
  }
  return digests.crc32 === member.crc32 ? digests.sha256() : undefined;
}
