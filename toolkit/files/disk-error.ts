import { accessSync, constants } from 'node:fs';
import { ReigniteError } from '../errors.ts';

/** The code of an error of the operating system or of Node, such as `ENOENT`; undefined where it has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Whether an error has one of these codes, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  const found = codeOf(error);
  return found !== undefined && codes.includes(found);
}

/** Turns the system's errors about space and permission into ours; leaves others as they are. */
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
 * Turns an error of the system that was not foreseen where it happened into ours, by the path and the call that it
 * names: read errors and write errors get different codes. Leaves others as they are.
 */
export function asSystemError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const path = textOf(error, 'path');
  if (path !== undefined && hasCode(error, 'EACCES', 'EPERM') && isAboutReading(textOf(error, 'syscall'), path)) {
    return new ReigniteError('NOT_READABLE', `No permission to read ${path}.`, { cause: error });
  }
  // A name of two paths, such as of a rename, is written to at the second one.
  return asDiskError(error, textOf(error, 'dest') ?? path ?? 'a file');
}

const READING_CALLS: ReadonlySet<unknown> = new Set(['scandir', 'opendir', 'read', 'readlink', 'stat', 'lstat']);

/** The system calls it "open" for reading and for writing: what is there and cannot be read was to be read. */
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
