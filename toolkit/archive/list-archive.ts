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
  /** Path relative to the target folder, with `/`. */
  readonly path: string;
  /** Unpacked size in bytes. */
  readonly size: number;
  readonly crc32: number;
}

export interface ListArchiveOptions extends ArchivePlace {
  /** Selects members by path. Default: all. */
  readonly select?: ((path: string) => boolean) | undefined;
  readonly limits?: Partial<ArchiveLimits> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lists the members of an archive in order, and the bytes that they need on disk. Makes all checks that are possible without
 * unpacking; the content of an archive that passes may still be damaged.
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

/** A member to unpack. */
export interface PlacedEntry extends CheckedEntry {
  /** Offset of its content in the archive. */
  readonly dataStart: number;
}

/** Returns what to unpack, after all checks that are possible without unpacking. */
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
 * Refuses members that overlap, with which a small archive could unpack to a huge one, and members whose own header differs
 * from the central directory, so that other programs would see other contents. For members that are not selected, only the
 * central directory is checked.
 *
 * @returns The offsets of the content of the selected members.
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

/** Returns the smallest possible offset of a member's content: its header repeats the name and may contain more. */
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

/** A member and its byte range in the archive, header included. */
export interface LocatedMember extends ArchiveMember {
  readonly start: number;
  /** Offset after its last byte. */
  readonly end: number;
}

/**
 * Locates the members of an archive. Reads only the central directory, so the rest of the file may be missing.
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
