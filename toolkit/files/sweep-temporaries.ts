import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { silenceOf } from './file-system-clock.ts';
import { isTaken, processTableTag } from './process-identity.ts';
import { parseTemporary, type Temporary } from './temporary-path.ts';

/** What a process that cannot be looked at from here has not written to for so long is left over. */
const ABANDONED_MS = 3_600_000;

export interface Sweep {
  /** Which temporaries to remove, by the name of the file that they were to become. Default: all. */
  readonly of?: (target: string) => boolean;
  /** Set by the only process that writes these files now: all of them are left over, whoever wrote them. */
  readonly sole?: boolean;
}

/**
 * Removes the temporary files and folders that processes left in `folder` when they were killed: a network of the
 * paper's size takes 165 MB. What a living process writes stays, also that of another machine on a shared disk.
 *
 * @param folder - Not searched further down; nothing happens where it does not exist or cannot be read.
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
  const written = await stat(path).catch(() => undefined);
  return written !== undefined && (await silenceOf(path, written.mtimeMs)) > ABANDONED_MS;
}
