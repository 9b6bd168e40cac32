import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/**
 * Resolves the symbolic links of a path that may not exist yet: those of its deepest existing ancestor, then the rest. A
 * link to what does not exist is resolved too, since writing through it makes its target.
 *
 * @param path - Absolute, or relative to the current folder.
 * @throws The error of the file system, for a circle of links or a folder that may not be searched.
 */
export async function realPathOf(path: string): Promise<string> {
  const absolute = resolve(path);
  const real = await unlessMissing(realpath(absolute));
  if (real !== undefined) return real;
  const folder = await realPathOf(dirname(absolute));
  const place = join(folder, basename(absolute));
  const target = await linkTarget(place);
  return target === undefined ? place : realPathOf(resolve(folder, target));
}

/** Undefined where there is no link; another process may have made a folder there since. */
async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EINVAL')) return undefined;
    throw error;
  }
}

async function unlessMissing(found: Promise<string>): Promise<string | undefined> {
  try {
    return await found;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
