import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ReigniteError } from '../errors.ts';
import { hasCode } from './system-error.ts';
import { temporaryPathBeside } from './temporary-path.ts';

/**
 * Writes a file so that a reader sees the old one, or the new one, never half of it.
 *
 * @param path - Target; its folder is made if missing.
 * @param options.mode - Permissions of the file. Default: what the umask leaves of reading and writing for all.
 * @throws ReigniteError NO_SPACE or NOT_WRITABLE; the target is then as it was.
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
 * Lets `write` fill a temporary file beside `path` and renames it into place when that succeeded.
 *
 * @throws ReigniteError NO_SPACE or NOT_WRITABLE, or what `write` throws; no temporary file stays.
 */
export async function replaceFile(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = temporaryPathBeside(path);
  try {
    await mkdir(dirname(path), { recursive: true });
    await write(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw asDiskError(error, path);
  }
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
    return new ReigniteError('NOT_WRITABLE', `A file is in the way of a folder of ${path}.`, { cause: error });
  }
  if (hasCode(error, 'ENAMETOOLONG')) {
    return new ReigniteError('NAME_TOO_LONG', `The name is too long for the file system: ${path}.`, { cause: error });
  }
  return error;
}
