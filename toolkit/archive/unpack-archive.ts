import { dirname, join } from 'node:path';
import { mapConcurrent } from '../concurrency.ts';
import { sweepTemporaries } from '../files/atomic-write.ts';
import { lstatIfThere } from '../files/if-there.ts';
import { makeFolder } from '../files/make-folder.ts';
import { ensureFreeSpace } from '../files/suitable-file-system.ts';
import {
  type ArchiveMember,
  checkedMembers,
  type ListArchiveOptions,
  memberOf,
  type PlacedEntry,
} from './list-archive.ts';
import { type OpenArchive, withArchive } from './open-archive.ts';
import { sha256WhenRight, writeMember } from './write-member.ts';

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
