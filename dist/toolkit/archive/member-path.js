/**
 * The path of a member below its folder, with `/`, without `.` and empty parts; or what is wrong with its name.
 *
 * @param name - As in the archive; a closing `/` (a folder) is dropped.
 */
export function memberPath(name) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\u0000-\u001f\u007f\ufffd]/.test(name))
        return { refused: 'has a name with control characters' };
    if (name.includes('\\'))
        return { refused: 'has a name with a backslash' };
    if (name.startsWith('/') || /^[a-z]:/i.test(name))
        return { refused: 'has an absolute path' };
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..'))
        return { refused: 'has a path with ".."' };
    if (parts.some((part) => Buffer.byteLength(part) > 255) || name.length > 1024) {
        return { refused: 'has a name that is too long' };
    }
    return { path: parts.join('/') };
}
/** Two paths with the same key are one file on a disk that folds case or unicode forms, as macOS does. */
export function foldedPath(path) {
    return path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}
/** What macOS adds to archives and nobody wants unpacked. */
export function isClutter(path) {
    const parts = path.split('/');
    return parts[0] === '__MACOSX' || parts.at(-1) === '.DS_Store';
}
/** Puts a path under the archive's root folder, unless it is there already. */
export function underRoot(path, root) {
    return path.startsWith(`${root}/`) ? path : `${root}/${path}`;
}
