import { randomBytes } from 'node:crypto';
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { copyFile, type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { asDiskError, statIfThere } from './file-access.ts';
import { makeFolder } from './folders.ts';
import { sha256Of } from './hash-file.ts';
import { isTaken, processTableTag } from './process-identity.ts';

/**
 * Writes a file atomically: readers see the old content or the new one, never a part of it.
 *
 * @param path - Target; its folder is made if missing.
 * @param options.mode - Permissions of the file. Default: what the umask leaves of reading and writing for all.
 * @throws ReigniteError NO_SPACE or NOT_WRITABLE; the target is then unchanged.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  { mode = 0o666 }: { readonly mode?: number } = {},
): Promise<void> {
  await replaceFile(path, async (temporary) => {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/**
 * Lets `write` fill a temporary file next to `path` and renames it into place when that succeeded.
 *
 * @throws ReigniteError NO_SPACE or NOT_WRITABLE, or what `write` throws; the temporary file is removed.
 */
export async function replaceFile(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = temporaryPathBeside(path);
  try {
    await makeFolder(dirname(path));
    await write(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw asDiskError(error, path);
  }
}

/** `.<name>.<process>.<six digits of the process table, six at random>.tmp`; earlier versions wrote fewer digits. */
const TEMPORARY = /^\.(.+)\.(\d+)\.([0-9a-f]{4,12})\.tmp$/;

/** Length of a file name that most file systems allow, in bytes. */
const MAX_NAME_BYTES = 255;

/**
 * Returns a temporary path in the same folder, so that the final rename is atomic. A long name is replaced by its
 * digest, so that the temporary name is never too long.
 */
export function temporaryPathBeside(path: string): string {
  const ending = `${process.pid}.${processTableTag()}${randomBytes(3).toString('hex')}.tmp`;
  const name = `.${basename(path)}.${ending}`;
  const fits = Buffer.byteLength(name) <= MAX_NAME_BYTES;
  return join(dirname(path), fits ? name : `.${sha256Of(basename(path)).slice(0, 32)}.${ending}`);
}

/** What the name of a temporary file or folder contains. */
interface Temporary {
  /** Name of the final file; the first 32 digits of its SHA-256 if it is long. */
  readonly target: string;
  readonly pid: number;
  /** Tag of the writer's process table; undefined in names of earlier versions. */
  readonly tableTag: string | undefined;
}

/** @returns Undefined for a name that `temporaryPathBeside` does not make. */
function parseTemporary(name: string): Temporary | undefined {
  const [, target, pid, digits = ''] = TEMPORARY.exec(name) ?? [];
  if (target === undefined) return undefined;
  return { target, pid: Number(pid), tableTag: digits.length === 12 ? digits.slice(0, 6) : undefined };
}

/** Age after which a temporary file counts as abandoned if its process cannot be inspected from here. */
const ABANDONED_MS = 3_600_000;

interface Sweep {
  /** Which temporaries to remove, by the name of the final file. Default: all. */
  readonly of?: (target: string) => boolean;
  /** Set by a process that is the only one to write these files: all temporaries are then left over. */
  readonly sole?: boolean;
}

/**
 * Removes the temporary files and folders that killed processes left in `folder`: for a network of the paper's size,
 * 165 MB. Files of living processes are kept, also those of other machines on a shared disk.
 *
 * @param folder - Not searched recursively; nothing happens if it does not exist or cannot be read.
 */
export async function sweepTemporaries(folder: string, { of = () => true, sole = false }: Sweep = {}): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const temporary = parseTemporary(name);
    if (temporary === undefined || !of(temporary.target)) continue;
    const path = join(folder, name);
    if (sole || (await isLeftOver(path, temporary))) await rm(path, { recursive: true, force: true });
  }
}

async function isLeftOver(path: string, { pid, tableTag }: Temporary): Promise<boolean> {
  if (tableTag === undefined || tableTag === processTableTag()) return !(await isTaken(pid));
  const written = await statIfThere(path);
  return written !== undefined && (await silenceOf(path, written.mtimeMs)) > ABANDONED_MS;
}

/**
 * Returns the time since `mtimeMs`, the modification time of a file near `path`, by the clock of their file system: the
 * clocks of machines and file servers differ.
 *
 * @param path - A temporary file is created next to it.
 * @param mtimeMs - A modification time, as returned by `stat`.
 * @returns Milliseconds; negative if that clock was set back in the meantime.
 */
export async function silenceOf(path: string, mtimeMs: number): Promise<number> {
  const probe = temporaryPathBeside(path);
  try {
    await (await open(probe, 'wx')).close();
    return (await stat(probe)).mtimeMs - mtimeMs;
  } finally {
    await rm(probe, { force: true });
  }
}

const COPIED_AT_ONCE = 2 ** 20;

/** Concatenates files into one. @throws ReigniteError NO_SPACE, NOT_WRITABLE. */
export async function concatenateFiles(path: string, parts: readonly string[]): Promise<void> {
  await replaceFile(path, async (temporary) => {
    const target = await open(temporary, 'wx');
    try {
      for (const part of parts) await append(part, target);
      await target.sync();
    } finally {
      await target.close();
    }
  });
}

async function append(path: string, target: FileHandle): Promise<void> {
  const source = await open(path);
  try {
    const buffer = Buffer.alloc(COPIED_AT_ONCE);
    for (;;) {
      const { bytesRead } = await source.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      await target.writeFile(buffer.subarray(0, bytesRead));
    }
  } finally {
    await source.close();
  }
}

/**
 * Copies a file that another process or thread may be rewriting: its content as far as it can be read. Node's `copyFile`
 * never returns if the file becomes shorter meanwhile. On file systems that share blocks between files, nothing is copied.
 *
 * @param target - Created, or overwritten.
 * @throws Error of the system.
 * @see libuv, `uv__fs_copyfile`: it repeats `sendfile` until it has sent the original length.
 */
export async function copyChangingFile(source: string, target: string): Promise<void> {
  try {
    await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE);
  } catch {
    await pipeline(createReadStream(source), createWriteStream(target));
  }
}
