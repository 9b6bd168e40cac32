import { createReadStream, createWriteStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ReigniteError } from '../errors.ts';
import { replaceFile } from '../files/atomic-write.ts';
import type { CheckedEntry } from './check-entries.ts';
import { type ArchiveMember, checkedMembers, type ListArchiveOptions, memberOf } from './list-archive.ts';
import { MemberDigests } from './member-digests.ts';
import { asArchiveError, type OpenArchive, withArchive } from './open-archive.ts';
import { removeLeftovers } from './remove-leftovers.ts';

/** A file that was unpacked, or was there already as the archive has it. */
export interface UnpackedFile extends ArchiveMember {
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface UnpackArchiveOptions extends ListArchiveOptions {
  readonly archive: string;
  /** Folder that receives `root`. */
  readonly target: string;
  /** Called with the bytes on disk, and the bytes there will be. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
}

/**
 * Unpacks a zip (64-bit ones too) into `target/root`. The whole directory is checked before the first byte is
 * written; every member is checked by size and CRC-32 before it gets its name, and one that is there already with both
 * right is kept, so that an attempt goes on where the last one ended. Memory does not grow with the archive.
 *
 * @returns The files in the order of the archive, `path` relative to `target`; `bytes`, all of them together.
 * @throws ReigniteError ARCHIVE_UNSAFE or ARCHIVE_CORRUPT naming archive and member; FILE_MISSING; NO_SPACE;
 *   NOT_WRITABLE. The signal's reason when aborted.
 */
export async function unpackArchive(
  options: UnpackArchiveOptions,
): Promise<{ readonly files: readonly UnpackedFile[]; readonly bytes: number }> {
  const { archive: path, target, signal, onProgress } = options;
  return withArchive(path, async (archive) => {
    const members = await checkedMembers(archive, options);
    const total = members.reduce((sum, { entry }) => sum + entry.uncompressedSize, 0);
    const placeOf = (member: CheckedEntry) => join(target, ...member.path.split('/'));
    await removeLeftovers(members.map(placeOf));
    const files: UnpackedFile[] = [];
    let bytes = 0;
    for (const member of members) {
      signal?.throwIfAborted();
      const place = placeOf(member);
      const onChunk = (length: number) => onProgress?.(bytes + length, total);
      const sha256 =
        (await sha256WhenRight(place, memberOf(member), signal, onChunk)) ??
        (await writeMember(archive, member, place, signal, onChunk));
      files.push({ ...memberOf(member), sha256 });
      bytes += member.entry.uncompressedSize;
    }
    return { files, bytes };
  });
}

/** SHA-256 of the file at `place` when it is the member; undefined when it is not, or is not there. */
async function sha256WhenRight(
  place: string,
  member: ArchiveMember,
  signal: AbortSignal | undefined,
  onChunk: (length: number) => void,
): Promise<string | undefined> {
  const entry = await lstat(place).catch(() => undefined);
  if (!entry?.isFile() || entry.size !== member.size) return undefined;
  const digests = new MemberDigests();
  for await (const chunk of createReadStream(place, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    digests.update(chunk);
    onChunk(digests.size);
  }
  return digests.crc32 === member.crc32 ? digests.sha256() : undefined;
}

/** Writes a member beside its place, checks it, and renames it. */
async function writeMember(
  archive: OpenArchive,
  member: CheckedEntry,
  place: string,
  signal: AbortSignal | undefined,
  onChunk: (length: number) => void,
): Promise<string> {
  const digests = new MemberDigests();
  const content = async function* () {
    for await (const chunk of contentOf(archive, member)) {
      signal?.throwIfAborted();
      digests.update(chunk);
      onChunk(digests.size);
      yield chunk;
    }
  };
  try {
    await replaceFile(place, async (temporary) => {
      await pipeline(content, createWriteStream(temporary, { flags: 'wx', flush: true }));
      checkContent(archive.path, member, digests);
    });
  } catch (error) {
    throw asObstacle(error, place) ?? error;
  }
  return digests.sha256();
}

/** The unpacked bytes; what fails here is the archive's fault, not that of the disk they go to. */
async function* contentOf({ path, zip }: OpenArchive, { entry, name }: CheckedEntry): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of await zip.openReadStreamPromise(entry)) yield chunk;
  } catch (error) {
    throw asArchiveError(error, path, name);
  }
}

/** A folder where a file is to be, or the other way round, is the user's: it is not moved. */
function asObstacle(error: unknown, place: string): ReigniteError | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'EISDIR' && code !== 'ENOTDIR' && code !== 'EEXIST' && code !== 'ENOTEMPTY') return undefined;
  return new ReigniteError('NOT_WRITABLE', `${place} cannot be written: something else is in its place.`, {
    cause: error,
  });
}

function checkContent(archive: string, { entry, name }: CheckedEntry, { size, crc32 }: MemberDigests): void {
  if (size === entry.uncompressedSize && crc32 === entry.crc32) return;
  const hex = (value: number) => value.toString(16).padStart(8, '0');
  throw new ReigniteError(
    'ARCHIVE_CORRUPT',
    `${archive}, member ${JSON.stringify(name)}: ${size} bytes with CRC-32 ${hex(crc32)} came out, ` +
      `${entry.uncompressedSize} with ${hex(entry.crc32)} are stated.`,
  );
}
