import { isAbsolute, relative, resolve, sep } from 'node:path';
import { ReigniteError } from '../errors.ts';

/**
 * Resolves `path` below `root`.
 *
 * Histories contain paths relative to a run's folders; workers reject those that leave the folder.
 *
 * @throws ReigniteError PATH_TRAVERSAL for an absolute path, or one that leaves `root`.
 */
export function inside(root: string, path: string): string {
  const target = resolve(root, path);
  const steps = relative(resolve(root), target);
  if (isAbsolute(path) || steps === '..' || steps.startsWith(`..${sep}`) || isAbsolute(steps)) {
    throw new ReigniteError('PATH_TRAVERSAL', `The path ${path} leaves the folder ${root}.`);
  }
  return target;
}
