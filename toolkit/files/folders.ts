import { mkdirSync, statSync } from 'node:fs';
import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { bestEffort } from '../concurrency.ts';
import { ReigniteError } from '../errors.ts';
import { asDiskError, hasCode } from './file-access.ts';

/** The folders of a state directory. */
export interface HomeFolders {
  readonly home: string;
  /** Converted networks, one folder per model digest. */
  readonly models: string;
  /** Results of steps, by the hash of their inputs. */
  readonly cache: string;
  /** ROIs in progress, one folder per cache key. */
  readonly work: string;
  /** Replacements for the folders of runs, on a worker that fetches from object storage. */
  readonly scratch: string;
  /** Plans and failures of runs, one folder per configuration digest. */
  readonly runs: string;
  /** What was downloaded and unpacked, with digests. */
  readonly receipts: string;
  /** Progress of downloads: the requests of the last minute, and when bytes last arrived. */
  readonly transfers: string;
  /** Metadata of records, by the requested number. */
  readonly records: string;
  /** Remembered digests of files. */
  readonly digests: string;
  readonly logs: string;
  /** What the workers may read, write and download: one file per set of places that commands named. */
  readonly allowed: string;
  /** Folder of the sample record. */
  readonly sample: string;
}

/**
 * Returns the folders of a state directory. Creates none.
 *
 * @param home - Absolute, or relative to the current folder.
 * @example
 * const { cache, models } = homeFolders('.reignite');
 */
export function homeFolders(home: string): HomeFolders {
  const root = resolve(home);
  return {
    home: root,
    models: join(root, 'models'),
    cache: join(root, 'cache'),
    work: join(root, 'work'),
    scratch: join(root, 'scratch'),
    runs: join(root, 'runs'),
    receipts: join(root, 'receipts'),
    transfers: join(root, 'transfers'),
    records: join(root, 'records'),
    digests: join(root, 'digests.txt'),
    logs: join(root, 'logs'),
    allowed: join(root, 'allowed'),
    sample: join(root, 'data', 'sample'),
  };
}

/** Returns the state directory that `REIGNITE_HOME` names, else `.reignite` in the current folder. */
export function homeFromEnvironment(environment: NodeJS.ProcessEnv = process.env): HomeFolders {
  return homeFolders(environment['REIGNITE_HOME'] || '.reignite');
}

/**
 * Returns the user's cache folder, shared by all state directories: `$XDG_CACHE_HOME/reignite`, else
 * `~/.cache/reignite`.
 */
export function userCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const root = environment['XDG_CACHE_HOME'];
  // The XDG specification says to ignore relative paths.
  return join(root && isAbsolute(root) ? root : join(environment['HOME'] || homedir(), '.cache'), 'reignite');
}

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

/** Permissions of files in a state directory: only the owner may read and write. */
export const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
const OTHERS = 0o077;
/** A folder that everyone may write to, such as /tmp, is not a state directory; restricting it would break other programs. */
const STICKY = 0o1000;

/** Folders of a state directory whose existing files are restricted too: history, worker logs, allowed places. */
const CLOSED_FOLDERS = ['temporal', 'logs', 'allowed'] as const;

/**
 * Makes the state directory if it is missing, and restricts it to its owner regardless of the umask. Files that runs
 * write elsewhere follow the umask.
 *
 * @param home - Absolute.
 * @param onStep - Called once when the state directory was open to other users.
 * @throws ReigniteError NOT_WRITABLE, NO_SPACE.
 */
export async function makePrivateHome(home: string, onStep: (line: string) => void): Promise<void> {
  try {
    const made = await makeFolder(home, { mode: PRIVATE_FOLDER });
    const { mode } = await stat(home);
    if ((mode & STICKY) !== 0) {
      onStep(
        `The state directory ${home} is shared with all users and stays open: set REIGNITE_HOME to a private folder.`,
      );
      return;
    }
    if ((mode & OTHERS) !== 0) {
      await chmod(home, PRIVATE_FOLDER);
      if (made === undefined)
        onStep(`The state directory ${home} was readable by other users. Its permissions are now restricted.`);
    }
    for (const name of CLOSED_FOLDERS) await closeFolder(join(home, name));
  } catch (error) {
    const known = asDiskError(error, home);
    if (!(known instanceof ReigniteError) || known.code !== 'NOT_WRITABLE') throw known;
    throw new ReigniteError('NOT_WRITABLE', known.message, {
      cause: error,
      remedy: 'Set REIGNITE_HOME to a folder that this user may write to: it is the state directory.',
    });
  }
}

/** Restricts the files of a folder. The state directory keeps other users out anyway, so failures are ignored. */
async function closeFolder(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isFile())
      await bestEffort(chmod(join(folder, entry.name), PRIVATE_FILE), 'its folder is private already');
  }
}

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
