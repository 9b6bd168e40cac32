import { accessSync, constants, type Stats, statSync } from 'node:fs';
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
