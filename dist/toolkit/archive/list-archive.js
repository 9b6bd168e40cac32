import { checkEntries, refuse } from './check-entries.js';
import { DEFAULT_LIMITS } from './limits.js';
import { asArchiveError, readEntries, withArchive } from './open-archive.js';
/**
 * What an archive would unpack to: its members in their order, and the bytes they need on disk. Everything that can
 * be checked without unpacking is checked; an archive that passes may still be damaged inside.
 *
 * @throws ReigniteError ARCHIVE_UNSAFE, ARCHIVE_CORRUPT, both naming archive and member; FILE_MISSING.
 */
export async function listArchive(path, options) {
    return withArchive(path, async (archive) => {
        const members = (await checkedMembers(archive, options)).files.map(memberOf);
        return { members, bytes: members.reduce((sum, { size }) => sum + size, 0) };
    });
}
export function memberOf({ entry, path }) {
    return { path, size: entry.uncompressedSize, crc32: entry.crc32 };
}
/** What is to be unpacked, after every check that needs no unpacking. */
export async function checkedMembers(archive, { root, select = () => true, limits, signal }) {
    const allowed = { ...DEFAULT_LIMITS, ...limits };
    const entries = await readEntries(archive, allowed.files);
    const checked = checkEntries(archive.path, entries, root, allowed);
    const starts = await refuseOverlaps(archive, checked, select, signal);
    const isClutter = ({ path }) => path.split('/').includes('__MACOSX');
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
 * Members that share bytes make a small archive unpack to a huge one, and a header that tells another name than the
 * directory shows other readers another archive. Of members that are not wanted the directory alone is looked at.
 *
 * @returns Where the bytes of those that are selected begin.
 */
async function refuseOverlaps(archive, checked, select, signal) {
    const startOf = ({ entry }) => entry.relativeOffsetOfLocalHeader;
    const starts = new Map();
    let free = 0;
    for (const member of checked.toSorted((a, b) => startOf(a) - startOf(b))) {
        signal?.throwIfAborted();
        if (startOf(member) < free)
            refuse(archive.path, member.name, 'overlaps another member');
        if (startOf(member) >= archive.end.offset)
            refuse(archive.path, member.name, 'is outside the archive');
        const isSelected = select(member.path);
        const dataStart = isSelected ? await dataStartOf(archive, member) : leastDataStart(member);
        if (isSelected)
            starts.set(member, dataStart);
        free = dataStart + member.entry.compressedSize;
        if (free > archive.end.offset)
            refuse(archive.path, member.name, 'overlaps the central directory');
    }
    return starts;
}
const LOCAL_HEADER_LENGTH = 30;
/** The header of a member has its name again, and may have more. */
function leastDataStart({ entry }) {
    return entry.relativeOffsetOfLocalHeader + LOCAL_HEADER_LENGTH + entry.fileNameRaw.length;
}
async function dataStartOf({ path, zip }, { entry, name }) {
    const header = await zip.readLocalFileHeaderPromise(entry).catch((error) => {
        throw asArchiveError(error, path, name);
    });
    if (!header.fileName.equals(entry.fileNameRaw) || header.compressionMethod !== entry.compressionMethod) {
        refuse(path, name, 'is described in two ways');
    }
    return header.fileDataStart;
}
