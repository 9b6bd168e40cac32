import { getFileNameLowLevel } from 'yauzl';
import { ReigniteError } from '../errors.js';
import { RATIO_MATTERS_FROM } from './limits.js';
import { foldedPath, isClutter, memberPath, underRoot } from './member-path.js';
const TYPE_BITS = 0o170000;
const REGULAR = 0o100000;
const FOLDER = 0o040000;
const DEFLATE = 8;
/**
 * Checks all entries of a central directory by what it says of them, before a byte of any is read.
 *
 * @param root - Folder that all paths are put under, unless they begin with it; none where it is undefined.
 * @throws ReigniteError ARCHIVE_UNSAFE or ARCHIVE_CORRUPT naming the archive and the member.
 */
export function checkEntries(archive, entries, root, limits) {
    const checked = entries.map((entry) => checkEntry(archive, entry, root, limits));
    refuseCollisions(archive, checked);
    const bytes = checked.reduce((sum, { entry, wanted }) => sum + (wanted ? entry.uncompressedSize : 0), 0);
    if (bytes > limits.bytes) {
        throw new ReigniteError('ARCHIVE_UNSAFE', `${archive} unpacks to ${bytes} bytes; ${limits.bytes} are allowed.`);
    }
    return checked;
}
/** @throws ReigniteError ARCHIVE_UNSAFE, always. */
export function refuse(archive, member, what) {
    // A name with control characters must not reach a terminal as it is.
    throw new ReigniteError('ARCHIVE_UNSAFE', `${archive}, member ${JSON.stringify(member)}: ${what}.`);
}
function checkEntry(archive, entry, root, limits) {
    const name = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
    const found = memberPath(name);
    if ('refused' in found)
        refuse(archive, name, found.refused);
    const type = (entry.externalFileAttributes >>> 16) & TYPE_BITS;
    if (type !== 0 && type !== REGULAR && type !== FOLDER)
        refuse(archive, name, 'is a link or a device');
    if (entry.isEncrypted())
        refuse(archive, name, 'is encrypted');
    const isFolder = name.endsWith('/') || type === FOLDER;
    if (!isFolder && found.path === '')
        refuse(archive, name, 'has no name');
    checkSizes(archive, name, entry, isFolder, limits);
    const path = placeOf(found.path, root, isFolder);
    return { entry, name, path, isFolder, wanted: !isFolder && !isClutter(found.path) };
}
function placeOf(path, root, isFolder) {
    if (root === undefined)
        return path;
    return isFolder && (path === root || path === '') ? root : underRoot(path, root);
}
function checkSizes(archive, name, entry, isFolder, limits) {
    const { compressedSize, uncompressedSize, compressionMethod } = entry;
    if (compressionMethod !== 0 && compressionMethod !== DEFLATE) {
        throw new ReigniteError('ARCHIVE_CORRUPT', `${archive}, member ${JSON.stringify(name)}: compression method ${compressionMethod} is not supported.`, { remedy: 'Unpack it by hand into the data folder, with 7-Zip for example, then type the same command again.' });
    }
    if (!Number.isSafeInteger(compressedSize) || !Number.isSafeInteger(uncompressedSize)) {
        refuse(archive, name, 'states an impossible size');
    }
    if (isFolder && uncompressedSize > 0)
        refuse(archive, name, 'is a folder with content');
    if (uncompressedSize > RATIO_MATTERS_FROM && uncompressedSize > limits.ratio * compressedSize) {
        refuse(archive, name, `unpacks ${compressedSize} bytes to ${uncompressedSize}`);
    }
}
/** Two members of one place, also where a disk folds case and unicode forms; a file in the place of a folder. */
function refuseCollisions(archive, checked) {
    const files = new Map();
    for (const { path, name, wanted } of checked) {
        if (!wanted)
            continue;
        const key = foldedPath(path);
        const other = files.get(key);
        if (other !== undefined)
            refuse(archive, name, `has the same place as ${JSON.stringify(other)}`);
        files.set(key, name);
    }
    for (const { path, name, isFolder } of checked) {
        const parts = foldedPath(path).split('/');
        const depth = isFolder ? parts.length : parts.length - 1;
        for (let k = 1; k <= depth; k++) {
            const other = files.get(parts.slice(0, k).join('/'));
            if (other !== undefined)
                refuse(archive, name, `needs a folder where ${JSON.stringify(other)} is a file`);
        }
    }
}
