import { posix } from 'node:path';
import { ReigniteError } from '../errors.js';
const ROOTS = new Set(['images', 'annotations']);
/**
 * Where a path of the overview is below the data root. The file has paths from the authors' code folder
 * (`../../data/images/he/x.png`); what counts is the part from `data/` on, or from `images/` or `annotations/` on.
 *
 * @returns Relative to the data root, with `/`.
 * @throws ReigniteError PATH_OUTSIDE when it leads out of the data root; OVERVIEW_INVALID when no part of it is known.
 */
export function resolveInData(path) {
    const parts = path.split('/');
    const tail = parts.slice(startOf(parts, path));
    const resolved = posix.normalize(tail.join('/'));
    if (path.includes('\\') || path.includes('\0') || posix.isAbsolute(resolved) || resolved.split('/')[0] === '..') {
        throw new ReigniteError('PATH_OUTSIDE', `The overview's path "${path}" leads out of the data folder.`);
    }
    return resolved;
}
function startOf(parts, path) {
    const isRoot = (part) => part !== undefined && ROOTS.has(part);
    const both = parts.findLastIndex((part, k) => part === 'data' && isRoot(parts[k + 1]));
    if (both !== -1)
        return both + 1;
    const data = parts.lastIndexOf('data');
    if (data !== -1)
        return data + 1;
    const root = parts.findIndex(isRoot);
    if (root !== -1)
        return root;
    throw new ReigniteError('OVERVIEW_INVALID', `The overview's path "${path}" is not in data/, images/ or annotations/.`);
}
