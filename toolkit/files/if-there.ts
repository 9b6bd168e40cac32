import type { Stats } from 'node:fs';
import { access, type FileHandle, lstat, open, readFile, stat } from 'node:fs/promises';
import { ReigniteError } from '../errors.ts';
import { asSystemError, hasCode, refuseStream } from './disk-error.ts';

/**
 * Returns the status of a path, following links; undefined if nothing exists there.
 *
 * @throws ReigniteError NOT_READABLE if permission is denied.
 */
export function statIfThere(path: string): Promise<Stats | undefined> {
  return ifThere(stat(path));
}

/** The same, without following a link. */
export function lstatIfThere(path: string): Promise<Stats | undefined> {
  return ifThere(lstat(path));
}

/**
 * Returns whether a path is a file or a link to one.
 *
 * @throws ReigniteError NOT_READABLE if permission is denied.
 */
export async function isFile(path: string): Promise<boolean> {
  return (await statIfThere(path))?.isFile() ?? false;
}

/**
 * Reads a text file; undefined if it does not exist.
 *
 * @throws ReigniteError NOT_READABLE if it cannot be read; USAGE for a named pipe, a device or a socket.
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
    // ELOOP: a link to itself. ESRCH: /proc/PID/stat of a process that exits while it is read.
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ESRCH')) return undefined;
    throw asSystemError(error);
  }
}

/**
 * Waits for what reads a file that may be missing.
 *
 * @returns Undefined if it failed with FILE_MISSING.
 * @throws Any other error of `reading`.
 * @example await unlessMissing(readPoints(path, task)) ?? []
 */
export async function unlessMissing<Result>(reading: Promise<Result>): Promise<Result | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ReigniteError && error.code === 'FILE_MISSING') return undefined;
    throw error;
  }
}

/** Opens a file, passes it to `use` and closes it. */
export async function openForReading<Result>(
  path: string,
  use: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  const file = await open(path, 'r');
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/**
 * Passes an open file to `use`, whose result keeps and later closes it. Closes the file only if `use` fails.
 *
 * @throws What `use` throws.
 * @example
 * const log = await closeOnError(await open(path), async (file) => ({ file, size: (await file.stat()).size }));
 */
export async function closeOnError<Result>(
  file: FileHandle,
  use: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  try {
    return await use(file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Returns whether a path exists. */
export async function fileExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
