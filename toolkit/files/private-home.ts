import { chmod, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { bestEffort } from '../concurrency.ts';
import { asDiskError } from './disk-error.ts';
import { makeFolder } from './make-folder.ts';

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
    throw asDiskError(error, home);
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
