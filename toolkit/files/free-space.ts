import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ReigniteError } from '../errors.ts';

/**
 * Returns the free bytes for this user on the disk of `path`, which need not exist yet. Undefined if the file system
 * does not report it.
 */
export async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    const parent = dirname(path);
    return parent === path ? undefined : freeBytes(parent);
  }
}

/**
 * Checks for free space, so that a run fails before hours of work instead of after.
 *
 * @param bytes - What is about to be written below `path`.
 * @throws ReigniteError NO_SPACE with both numbers.
 */
export async function ensureFreeSpace(path: string, bytes: number): Promise<void> {
  const free = await freeBytes(path);
  if (free === undefined || free >= bytes) return;
  throw new ReigniteError('NO_SPACE', `${path} needs ${bytes} bytes, and its disk has ${free} free.`);
}
