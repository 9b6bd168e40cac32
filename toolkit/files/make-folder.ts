import { mkdirSync, statSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ReigniteError } from '../errors.ts';
import { asDiskError, hasCode } from './disk-error.ts';

export interface FolderOptions {
  /** Permissions of what is made. Default: what the umask leaves of everything. */
  readonly mode?: number;
}

/**
 * Makes a folder and its missing parents, one by one. Node's recursive `mkdir` never returns where the system reports a
 * folder as missing that cannot be created, such as below `/proc`.
 *
 * @param path - Absolute, or relative to the current folder. Nothing happens if the folder exists.
 * @returns The first folder that was made; undefined if all existed.
 * @throws ReigniteError NOT_WRITABLE, also when a file is in the way; NO_SPACE, NAME_TOO_LONG.
 */
export async function makeFolder(path: string, { mode = 0o777 }: FolderOptions = {}): Promise<string | undefined> {
  try {
    const missing: string[] = [];
    for (let at = path; !(await isFolder(at)); at = dirname(at)) missing.unshift(at);
    for (const folder of missing) await mkdir(folder, { mode }).catch(unlessThere(folder));
    return missing[0];
  } catch (error) {
    throw asFolderError(error, path);
  }
}

/** The same, for the few callers that cannot wait. */
export function makeFolderSync(path: string): void {
  try {
    const missing: string[] = [];
    for (let at = path; !isFolderSync(at); at = dirname(at)) missing.unshift(at);
    for (const folder of missing) {
      try {
        mkdirSync(folder);
      } catch (error) {
        if (!(hasCode(error, 'EEXIST') && isFolderSync(folder))) throw error;
      }
    }
  } catch (error) {
    throw asFolderError(error, path);
  }
}

/** Ignores the error if another process made the folder meanwhile. */
function unlessThere(folder: string): (error: unknown) => Promise<void> {
  return async (error) => {
    if (!(hasCode(error, 'EEXIST') && (await isFolder(folder)))) throw error;
  };
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(unlessMissing(path));
  return found === undefined ? false : needFolder(found);
}

function isFolderSync(path: string): boolean {
  try {
    return needFolder(statSync(path));
  } catch (error) {
    unlessMissing(path)(error);
    return false;
  }
}

function needFolder(found: { isDirectory(): boolean }): boolean {
  if (found.isDirectory()) return true;
  throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' });
}

/** Ignores a missing folder, except the root, which has no parent. */
function unlessMissing(path: string): (error: unknown) => undefined {
  return (error) => {
    if (!hasCode(error, 'ENOENT') || dirname(path) === path) throw error;
    return undefined;
  };
}

/** ENOENT means that a folder cannot be created (below `/proc`), EEXIST may come from a dangling link. */
function asFolderError(error: unknown, path: string): unknown {
  if (hasCode(error, 'ENOENT')) {
    return new ReigniteError('NOT_WRITABLE', `The folder ${path} cannot be created.`, { cause: error });
  }
  if (hasCode(error, 'ENOTDIR', 'EEXIST')) {
    return new ReigniteError('NOT_WRITABLE', `A file is where the folder ${path}, or one above it, should be.`, {
      cause: error,
      remedy: 'Move that file away, or choose another folder.',
    });
  }
  return asDiskError(error, path);
}
