import { checkEntries } from './check-entries.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { type ArchiveMember, type ListArchiveOptions, memberOf } from './list-archive.ts';
import { readEntries, withArchive } from './open-archive.ts';

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
export async function locateMembers(
  path: string,
  { root }: Pick<ListArchiveOptions, 'root'>,
): Promise<readonly LocatedMember[]> {
  return withArchive(path, async (archive) => {
    const entries = await readEntries(archive, DEFAULT_LIMITS.files);
    const checked = checkEntries(path, entries, root, DEFAULT_LIMITS);
    const starts = checked.map(({ entry }) => entry.relativeOffsetOfLocalHeader);
    const sorted = [...starts, archive.end.offset].sort((a, b) => a - b);
    const endOf = new Map(sorted.map((start, index) => [start, sorted[index + 1] ?? start]));
    return checked.flatMap((member, index) => {
      const start = starts[index] ?? 0;
      return member.wanted ? [{ ...memberOf(member), start, end: endOf.get(start) ?? start }] : [];
    });
  });
}
