import { dirname, join } from 'node:path';
import { mapConcurrent } from '../concurrency.ts';
import { ensureFreeSpace } from '../files/free-space.ts';
import { lstatIfThere } from '../files/if-there.ts';
import { makeFolder } from '../files/make-folder.ts';
import { sweepTemporaries } from '../files/temporary-files.ts';
import {
  type ArchiveMember,
  checkedMembers,
  type ListArchiveOptions,
  memberOf,
  type PlacedEntry,
} from './list-archive.ts';
import { type OpenArchive, withArchive } from './open-archive.ts';
import { sha256WhenRight } from './present-member.ts';
import { writeMember } from './write-member.ts';

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

/** Members in progress at the same time: one is inflated while another is read, hashed or written. */
const MAX_CONCURRENT = 4;

/**
 * Unpacks a zip (64-bit ones too) into `target/root`. The whole directory is checked before the first byte is
 * written; every member is checked by size and CRC-32 before it gets its name, and one that is there already with both
 * right is kept, so that an attempt resumes where the last one ended. Memory does not grow with the archive.
 *
 * @returns The files in the order of the archive, `path` relative to `target`; `bytes`, all of them together.
 * @throws ReigniteError ARCHIVE_UNSAFE or ARCHIVE_CORRUPT naming archive and member; FILE_MISSING; NO_SPACE, before the
 *   first byte where the disk is too small; NOT_WRITABLE. The signal's reason when aborted.
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

/** A published folder contains only published files: what a killed attempt left next to them is removed. */
async function sweepBeside(places: readonly string[]): Promise<void> {
  const known = new Set(places);
  for (const folder of new Set(places.map((place) => dirname(place)))) {
    await sweepTemporaries(folder, { of: (name) => known.has(join(folder, name)) });
  }
}

/** Sums the members that are in progress at the same time. */
class MemberProgress {
  readonly #total: number;
  readonly #tell: ((bytes: number, total: number) => void) | undefined;
  #bytes = 0;

  constructor(total: number, tell: ((bytes: number, total: number) => void) | undefined) {
    this.#total = total;
    this.#tell = tell;
  }

  /** @returns To be called with the bytes of that member so far; fewer when it is restarted. */
  ofMember(): (bytes: number) => void {
    let before = 0;
    return (bytes) => {
      this.#bytes += bytes - before;
      before = bytes;
      this.#tell?.(this.#bytes, this.#total);
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

/** What need not be written any more, by sizes alone: what turns out to be wrong is moved aside and written again. */
async function bytesPresent(members: readonly PlacedEntry[], placeOf: (path: string) => string): Promise<number> {
  let bytes = 0;
  for (const { entry, path } of members) {
    const found = await lstatIfThere(placeOf(path));
    if (found?.isFile() && found.size === entry.uncompressedSize) bytes += found.size;
  }
  return bytes;
}
