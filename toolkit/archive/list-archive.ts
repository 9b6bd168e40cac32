import {
  type ArchiveLimits,
  type ArchivePlace,
  type CheckedEntry,
  checkEntries,
  DEFAULT_LIMITS,
  refuse,
} from './check-entries.ts';
import { asArchiveError, type OpenArchive, readEntries, withArchive } from './open-archive.ts';

/** A file in an archive. */
export interface ArchiveMember {
  /** Where it goes, below the target, with `/`. */
  readonly path: string;
  /** Unpacked, in bytes. */
  readonly size: number;
  readonly crc32: number;
}

export interface ListArchiveOptions extends ArchivePlace {
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
    const members = (await checkedMembers(archive, options)).files.map(memberOf);
    return { members, bytes: members.reduce((sum, { size }) => sum + size, 0) };
  });
}

export function memberOf({ entry, path }: CheckedEntry): ArchiveMember {
  return { path, size: entry.uncompressedSize, crc32: entry.crc32 };
}

/** A member that is to be unpacked. */
export interface PlacedEntry extends CheckedEntry {
  /** Where its bytes begin in the archive. */
  readonly dataStart: number;
}

/** What is to be unpacked, after every check that needs no unpacking. */
export async function checkedMembers(
  archive: OpenArchive,
  { root, folders, select = () => true, limits, signal }: ListArchiveOptions,
): Promise<{ readonly files: readonly PlacedEntry[]; readonly folders: readonly string[] }> {
  const allowed = { ...DEFAULT_LIMITS, ...limits };
  const entries = await readEntries(archive, allowed.files);
  const checked = checkEntries(archive.path, entries, { root, folders }, allowed);
  const starts = await refuseOverlaps(archive, checked, select, signal);
  const isClutter = ({ path }: CheckedEntry) => path.split('/').includes('__MACOSX');
  return {
    files: checked.flatMap((member) => {
      const dataStart = starts.get(member);
      return member.wanted && dataStart !== undefined ? [{ ...member, dataStart }] : [];
    }),
    folders: checked
      .filter((member) => member.isFolder && !isClutter(member) && select(member.path))
      .map(({ path }) => path),
  };
}

/**
 * Members that share bytes make a small archive unpack to a huge one, and a header that states another name than the
 * directory shows other readers another archive. Of members that are not wanted the directory alone is looked at.
 *
 * @returns Where the bytes of those that are selected begin.
 */
async function refuseOverlaps(
  archive: OpenArchive,
  checked: readonly CheckedEntry[],
  select: (path: string) => boolean,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<CheckedEntry, number>> {
  const startOf = ({ entry }: CheckedEntry) => entry.relativeOffsetOfLocalHeader;
  const starts = new Map<CheckedEntry, number>();
  let free = 0;
  for (const member of checked.toSorted((a, b) => startOf(a) - startOf(b))) {
    signal?.throwIfAborted();
    if (startOf(member) < free) refuse(archive.path, member.name, 'overlaps another member');
    if (startOf(member) >= archive.end.offset) refuse(archive.path, member.name, 'is outside the archive');
    const isSelected = select(member.path);
    const dataStart = isSelected ? await dataStartOf(archive, member) : leastDataStart(member);
    if (isSelected) starts.set(member, dataStart);
    free = dataStart + member.entry.compressedSize;
    if (free > archive.end.offset) refuse(archive.path, member.name, 'overlaps the central directory');
  }
  return starts;
}

const LOCAL_HEADER_LENGTH = 30;

/** The header of a member has its name again, and may have more. */
function leastDataStart({ entry }: CheckedEntry): number {
  return entry.relativeOffsetOfLocalHeader + LOCAL_HEADER_LENGTH + entry.fileNameRaw.length;
}

async function dataStartOf({ path, zip }: OpenArchive, { entry, name }: CheckedEntry): Promise<number> {
  const header = await zip.readLocalFileHeaderPromise(entry).catch((error) => {
    throw asArchiveError(error, path, name);
  });
  if (!header.fileName.equals(entry.fileNameRaw) || header.compressionMethod !== entry.compressionMethod) {
    refuse(path, name, 'is described in two ways');
  }
  return header.fileDataStart;
}

/** A member, and which bytes of the archive are its own: header and content. */
export interface LocatedMember extends ArchiveMember {
  readonly start: number;
  /** The first byte behind it. */
  readonly end: number;
}

/**
 * Where the members of an archive are, by its central directory alone: of the file nothing else need be there.
 *
 * @throws ReigniteError ARCHIVE_UNSAFE, ARCHIVE_CORRUPT.
 */
export async function locateMembers(path: string, place: ArchivePlace): Promise<readonly LocatedMember[]> {
  return withArchive(path, async (archive) => {
    const entries = await readEntries(archive, DEFAULT_LIMITS.files);
    const checked = checkEntries(path, entries, place, DEFAULT_LIMITS);
    const starts = checked.map(({ entry }) => entry.relativeOffsetOfLocalHeader);
    const sorted = [...starts, archive.end.offset].sort((a, b) => a - b);
    const endOf = new Map(sorted.map((start, index) => [start, sorted[index + 1] ?? start]));
    return checked.flatMap((member, index) => {
      const start = starts[index] ?? 0;
      return member.wanted ? [{ ...memberOf(member), start, end: endOf.get(start) ?? start }] : [];
    });
  });
}
