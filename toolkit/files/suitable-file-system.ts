import { mkdir, open, readdir, readFile, rename, rm, rmdir, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bestEffort } from '../concurrency.ts';
import { ReigniteError } from '../errors.ts';
import { sweepTemporaries, temporaryPathBeside } from './atomic-write.ts';
import { hasCode } from './file-access.ts';

/** The operations that processes sharing a folder rely on: the file system's, or a stand-in for tests. */
export interface FolderOperations {
  readonly mkdir: (path: string) => Promise<unknown>;
  /** Creates a file; fails if it exists. */
  readonly create: (path: string, text: string) => Promise<void>;
  /** Overwrites the first bytes of an existing file. */
  readonly overwrite: (path: string, text: string) => Promise<void>;
  readonly append: (path: string, text: string) => Promise<void>;
  readonly read: (path: string) => Promise<string>;
  readonly list: (path: string) => Promise<readonly string[]>;
  readonly rename: (from: string, to: string) => Promise<void>;
  readonly rmdir: (path: string) => Promise<void>;
  readonly remove: (path: string) => Promise<void>;
}

/** Errors that are not the fault of the file system; the code that writes there reports them. */
const NOT_TOLD_HERE = ['ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE'] as const;

const write = async (path: string, flags: string, text: string) => {
  const file = await open(path, flags);
  try {
    await file.write(text);
  } finally {
    await file.close();
  }
};

const NODE: FolderOperations = {
  mkdir,
  create: (path, text) => write(path, 'wx', text),
  overwrite: (path, text) => write(path, 'r+', text),
  append: (path, text) => write(path, 'a', text),
  read: (path) => readFile(path, 'utf8'),
  list: (path) => readdir(path),
  rename,
  rmdir,
  remove: (path) => rm(path, { recursive: true, force: true }),
};

/** Name of the temporary folder that the probe makes. */
export const PROBE = 'file-system-probe';

const probed = new Map<string, Promise<void>>();

/**
 * Checks that the file system of a folder supports locks between processes. Object storage mounted as a folder often
 * does not: two processes can create the same file, and appended bytes are lost. Takes a few ms, once per folder and
 * process. Does nothing if the folder is not writable.
 *
 * Problems that only another machine sees, such as a stale cache, are not found.
 *
 * @throws ReigniteError FILESYSTEM_UNSUITABLE that says what went wrong.
 */
export async function ensureSuitableFileSystem(folder: string): Promise<void> {
  const earlier = probed.get(folder);
  if (earlier !== undefined) return earlier;
  const probe = probeFileSystem(folder);
  probed.set(folder, probe);
  // More free space or a remount may fix the problem.
  probe.catch(() => probed.delete(folder));
  return probe;
}

/** {@link ensureSuitableFileSystem} without remembering the result. */
export async function probeFileSystem(folder: string, operations: FolderOperations = NODE): Promise<void> {
  const place = temporaryPathBeside(join(folder, PROBE));
  try {
    await operations.mkdir(place);
  } catch {
    return;
  }
  try {
    for (const [what, holds] of PROMISES) {
      if (!(await holds(place, operations))) throw unsuitable(folder, what);
    }
  } catch (error) {
    if (error instanceof ReigniteError) throw error;
    if (!hasCode(error, ...NOT_TOLD_HERE)) throw unsuitable(folder, 'lacks basic file operations', error);
  } finally {
    await bestEffort(operations.remove(place), 'a file system that failed the test may also fail to remove');
    await sweepTemporaries(folder, { of: (name) => name === PROBE });
  }
}

type Check = (place: string, operations: FolderOperations) => Promise<boolean>;

/** What goes wrong if a check fails, and the check. */
const PROMISES: readonly (readonly [string, Check])[] = [
  ['lets two processes create the same file', onlyOneCreates],
  ['loses data written to an existing file', keepsWhatIsWritten],
  ['does not replace a file in one step', renameReplaces],
  ['lets two processes create the same folder', onlyOneFolderFits],
  ['deletes a folder that is not empty', keepsFullFolders],
];

async function onlyOneCreates(place: string, { create, read }: FolderOperations): Promise<boolean> {
  const path = join(place, 'file');
  const first = await winners(['1', '2'].map((text) => create(path, text)));
  const second = await winners([create(path, '3')]);
  return first === 1 && second === 0 && ['1', '2'].includes(await read(path));
}

async function keepsWhatIsWritten(place: string, { create, overwrite, append, read }: FolderOperations) {
  const path = join(place, 'written');
  await create(path, 'ab');
  await overwrite(path, 'c');
  await append(path, 'd');
  return (await read(path)) === 'cbd';
}

async function renameReplaces(place: string, { create, rename: move, list, read }: FolderOperations) {
  const [from, to] = [join(place, 'new'), join(place, 'old')];
  await create(to, 'old');
  await create(from, 'new');
  await move(from, to);
  return (await read(to)) === 'new' && !(await list(place)).includes('new');
}

async function onlyOneFolderFits(place: string, { mkdir: make, create, rename: move, list }: FolderOperations) {
  const to = join(place, 'lease');
  const candidates = ['a', 'b'].map((name) => join(place, name));
  for (const [index, candidate] of candidates.entries()) {
    await make(candidate);
    await create(join(candidate, `claim-${index}`), '');
  }
  return (await winners(candidates.map((candidate) => move(candidate, to)))) === 1 && (await list(to)).length === 1;
}

async function keepsFullFolders(place: string, { mkdir: make, create, rmdir: unmake, list }: FolderOperations) {
  const path = join(place, 'full');
  await make(path);
  await create(join(path, 'claim'), '');
  return (await winners([unmake(path)])) === 0 && (await list(path)).length === 1;
}

async function winners(attempts: readonly Promise<unknown>[]): Promise<number> {
  const outcomes = await Promise.allSettled(attempts);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected' && hasCode(outcome.reason, ...NOT_TOLD_HERE)) throw outcome.reason;
  }
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

function unsuitable(folder: string, what: string, cause?: unknown): ReigniteError {
  return new ReigniteError('FILESYSTEM_UNSUITABLE', `The file system of ${folder} ${what}.`, { cause });
}

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
