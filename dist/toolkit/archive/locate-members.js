import { checkEntries } from './check-entries.js';
import { DEFAULT_LIMITS } from './limits.js';
import { memberOf } from './list-archive.js';
import { readEntries, withArchive } from './open-archive.js';
/**
 * Where the members of an archive are, by its central directory alone: of the file nothing else need be there.
 *
 * @throws ReigniteError ARCHIVE_UNSAFE, ARCHIVE_CORRUPT.
 */
export async function locateMembers(path, { root }) {
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
