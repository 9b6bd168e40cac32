import type { Stats } from 'node:fs';
import { lstat, readFile, stat } from 'node:fs/promises';
import { asSystemError, hasCode } from './disk-error.ts';
import { refuseStream } from './regular-file.ts';

/**
 * Returns what the file system says of a path, or of what a link points to; undefined where nothing is there.
 *
 * @throws ReigniteError NOT_READABLE where the system refuses to say.
 */
export function statIfThere(path: string): Promise<Stats | undefined> {
  return ifThere(stat(path));
}

/** As `statIfThere`, of a link itself. */
export function lstatIfThere(path: string): Promise<Stats | undefined> {
  return ifThere(lstat(path));
}

/**
 * Whether there is a file at a path, or at what a link points to; a folder is none.
 *
 * @throws ReigniteError NOT_READABLE where the system refuses to say.
 */
export async function isFile(path: string): Promise<boolean> {
  return (await statIfThere(path))?.isFile() ?? false;
}

/**
 * Reads a text file; undefined where there is none.
 *
 * @throws ReigniteError NOT_READABLE where the system refuses to read it; USAGE for a named pipe, a device or a socket.
 */
export function readTextIfThere(path: string): Promise<string | undefined> {
  return ifThere(readText(path));
}

async function readText(path: string): Promise<string> {
  refuseStream(path, await stat(path));
  return readFile(path, 'utf8');
}

async function ifThere<Result>(asked: Promise<Result>): Promise<Result | undefined> {
  try {
    return await asked;
  } catch (error) {
    // ELOOP: a link to itself leads nowhere. ESRCH: /proc/PID/stat of a process that exits while it is read.
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ESRCH')) return undefined;
    throw asSystemError(error);
  }
}
