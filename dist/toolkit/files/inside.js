import { isAbsolute, relative, resolve, sep } from 'node:path';
import { ReigniteError } from '../errors.js';
/**
 * The absolute path of `path` below `root`.
 *
 * Histories carry paths relative to a run's folders; a worker uses none that leaves them.
 *
 * @throws ReigniteError PATH_OUTSIDE for an absolute path, or one that climbs out of `root`.
 */
export function inside(root, path) {
    const target = resolve(root, path);
    const steps = relative(resolve(root), target);
    if (isAbsolute(path) || steps === '..' || steps.startsWith(`..${sep}`) || isAbsolute(steps)) {
        throw new ReigniteError('PATH_OUTSIDE', `The path ${path} leaves the folder ${root}.`);
    }
    return target;
}
