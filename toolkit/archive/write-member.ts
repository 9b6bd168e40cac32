import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { ReigniteError } from '../errors.ts';
import { replaceFile } from '../files/atomic-write.ts';
import { hasCode } from '../files/disk-error.ts';
import { lstatIfThere } from '../files/if-there.ts';
import type { CheckedEntry } from './check-entries.ts';
import type { ArchiveMember, PlacedEntry } from './list-archive.ts';
import { asArchiveError, type OpenArchive } from './open-archive.ts';

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

export interface WriteMemberOptions {
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
export async function writeMember(
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
