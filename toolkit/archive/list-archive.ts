import { type CheckedEntry, checkEntries, refuse } from './check-entries.ts';
import { type ArchiveLimits, DEFAULT_LIMITS } from './limits.ts';
import { asArchiveError, type OpenArchive, readEntries, withArchive } from './open-archive.ts';

/** A file in an archive. */
export interface ArchiveMember {
  /** Where it goes, below the target, with `/`. */
  readonly path: string;
  /** Unpacked, in bytes. */
  readonly size: number;
  readonly crc32: number;
}

export interface ListArchiveOptions {
  /**
   * Folder that the members belong to, whether they say so or not: `images` for images.zip. Without one they keep
   * their paths.
   */
  readonly root?: string | undefined;
  /** Which members are wanted, by their paths. Default: all. */
  readonly select?: ((path: string) => boolean) | undefined;
  readonly limits?: Partial<ArchiveLimits> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What an archive would unpack to: its members in their order, and the bytes they need on disk. Everything that can
 * be checked without unpacking is checked; an archive that passes may still be damaged inside.
 *
 * @throws ReigniteError ARCHIVE_UNSAFE, ARCHIVE_CORRUPT, both naming archive and member; FILE_MISSING.
 */
export async function listArchive(
  path: string,
  options: ListArchiveOptions,
): Promise<{ readonly members: readonly ArchiveMember[]; readonly bytes: number }> {
  return withArchive(path, async (archive) => {
    const members = (await checkedMembers(archive, options)).map(memberOf);
    return { members, bytes: members.reduce((sum, { size }) => sum + size, 0) };
  });
}

export function memberOf({ entry, path }: CheckedEntry): ArchiveMember {
  return { path, size: entry.uncompressedSize, crc32: entry.crc32 };
}

/** The files to unpack, after every check that needs no unpacking. */
export async function checkedMembers(
  archive: OpenArchive,
  { root, select = () => true, limits, signal }: ListArchiveOptions,
): Promise<readonly CheckedEntry[]> {
  const allowed = { ...DEFAULT_LIMITS, ...limits };
  const entries = await readEntries(archive, allowed.files);
  const checked = checkEntries(archive.path, entries, root, allowed);
  await refuseOverlaps(archive, checked, signal);
  return checked.filter(({ wanted, path }) => wanted && select(path));
}

/**
 * Members that share bytes make a small archive unpack to a huge one, and a header that tells another name than the
 * directory shows other readers another archive.
 */
async function refuseOverlaps(
  archive: OpenArchive,
  checked: readonly CheckedEntry[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const startOf = ({ entry }: CheckedEntry) => entry.relativeOffsetOfLocalHeader;
  let free = 0;
  for (const member of checked.toSorted((a, b) => startOf(a) - startOf(b))) {
    signal?.throwIfAborted();
    if (startOf(member) < free) refuse(archive.path, member.name, 'overlaps another member');
    if (startOf(member) >= archive.end.offset) refuse(archive.path, member.name, 'is outside the archive');
    free = await endOfData(archive, member);
    if (free > archive.end.offset) refuse(archive.path, member.name, 'overlaps the central directory');
  }
}

async function endOfData({ path, zip }: OpenArchive, { entry, name }: CheckedEntry): Promise<number> {
  const header = await zip.readLocalFileHeaderPromise(entry).catch((error) => {
    throw asArchiveError(error, path, name);
  });
  if (!header.fileName.equals(entry.fileNameRaw) || header.compressionMethod !== entry.compressionMethod) {
    refuse(path, name, 'is described in two ways');
  }
  return header.fileDataStart + entry.compressedSize;
}
