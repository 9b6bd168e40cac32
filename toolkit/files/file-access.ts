import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { access, type FileHandle, lstat, open, readFile, stat } from 'node:fs/promises';
import { ReigniteError } from '../errors.ts';

/** Returns the code of an error of the operating system or of Node, such as `ENOENT`; undefined if it has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Returns whether an error has one of these codes, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  const found = codeOf(error);
  return found !== undefined && codes.includes(found);
}

/** Converts the system's errors about space and permissions into ReigniteErrors; returns others unchanged. */
export function asDiskError(error: unknown, path: string): unknown {
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) {
    return new ReigniteError('NO_SPACE', `No space left to write ${path}.`, { cause: error });
  }
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) {
    return new ReigniteError('NOT_WRITABLE', `No permission to write ${path}.`, { cause: error });
  }
  if (hasCode(error, 'ENOTDIR')) {
    return new ReigniteError('NOT_WRITABLE', `A file is where a parent folder of ${path} should be.`, {
      cause: error,
      remedy: 'Move that file away, or choose another folder.',
    });
  }
  if (hasCode(error, 'ENAMETOOLONG')) {
    return new ReigniteError('NAME_TOO_LONG', `The name is too long for the file system: ${path}.`, { cause: error });
  }
  return error;
}

/**
 * Creates the error FILE_MISSING for a path with no file.
 *
 * @param cause - The system's error, if it reported one.
 */
export function fileMissing(path: string, cause?: unknown): ReigniteError {
  return new ReigniteError('FILE_MISSING', `File not found: ${path}.`, cause === undefined ? {} : { cause });
}

/** Converts the error of opening a file or folder that the user named, such as an `Image`. */
export function notOpened(what: string, path: string, cause: unknown): ReigniteError {
  return hasCode(cause, 'EACCES', 'EPERM')
    ? new ReigniteError('NOT_READABLE', `No permission to read ${path}.`, { cause })
    : new ReigniteError('FILE_MISSING', `${what} not found: ${path}.`, { cause, remedy: 'Check the path.' });
}

/**
 * Converts a system error that was not expected where it occurred into a ReigniteError, by its path and system call:
 * read errors and write errors get different codes. Returns other errors unchanged.
 */
export function asSystemError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const path = textOf(error, 'path');
  if (path !== undefined && hasCode(error, 'EACCES', 'EPERM') && isAboutReading(textOf(error, 'syscall'), path)) {
    return new ReigniteError('NOT_READABLE', `No permission to read ${path}.`, { cause: error });
  }
  // An error with two paths, such as that of a rename, is about writing to the second one.
  return asDiskError(error, textOf(error, 'dest') ?? path ?? 'a file');
}

const READING_CALLS: ReadonlySet<unknown> = new Set(['scandir', 'opendir', 'read', 'readlink', 'stat', 'lstat']);

/** Reading and writing both fail in "open". A file that exists and cannot be read was opened for reading. */
function isAboutReading(call: string | undefined, path: string): boolean {
  if (READING_CALLS.has(call)) return true;
  if (call !== 'open') return false;
  try {
    accessSync(path, constants.R_OK);
    return false;
  } catch (error) {
    return !hasCode(error, 'ENOENT');
  }
}

function textOf(error: Error, field: string): string | undefined {
  const value: unknown = Object.entries(error).find(([name]) => name === field)?.[1];
  return typeof value === 'string' ? value : undefined;
}

/**
 * Rejects a named pipe, a device or a socket. Call it before opening: opening a pipe waits for its writer and cannot be
 * interrupted by a signal, and reading a device may never end.
 *
 * @param found - The result of `stat` for the path.
 * @throws ReigniteError USAGE.
 */
export function refuseStream(path: string, found: Stats): void {
  if (found.isFile() || found.isDirectory()) return;
  const kind = found.isFIFO() ? 'a named pipe' : found.isSocket() ? 'a socket' : 'a device';
  throw new ReigniteError('USAGE', `${path} is ${kind}, not a file.`, {
    remedy: 'Save its content as a file, and name that file.',
  });
}

/**
 * Rejects anything but a regular file.
 *
 * @throws ReigniteError FILE_MISSING, NOT_READABLE; USAGE for a folder, a named pipe, a device or a socket.
 * @example requireRegularFile('model.onnx');
 */
export function requireRegularFile(path: string): void {
  const found = statOf(path);
  refuseStream(path, found);
  if (!found.isDirectory()) return;
  throw new ReigniteError('USAGE', `${path} is a folder, not a file.`, { remedy: 'Name a file in it.' });
}

function statOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    const known = asSystemError(cause);
    if (known instanceof ReigniteError && known.code === 'NOT_READABLE') throw known;
    throw fileMissing(path, cause);
  }
}

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

/**
 * Reads a text file (UTF-8).
 *
 * @throws ReigniteError USAGE for a named pipe, a device or a socket; the system's error when it cannot be read.
 */
export async function readText(path: string): Promise<string> {
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
