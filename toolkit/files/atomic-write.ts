import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asDiskError } from './disk-error.ts';
import { makeFolder } from './make-folder.ts';
import { temporaryPathBeside } from './temporary-files.ts';

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
