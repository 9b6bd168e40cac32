import { access, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A database and its journal, under the names they have now. */
export interface MovedDatabase {
  /** The database's new name, without its folder. */
  readonly name: string;
  /** Puts everything back, in place of what was started since. */
  readonly restore: () => Promise<void>;
}

/**
 * What the server or SQLite says of a file that will not serve however often it is tried: damaged, no database at
 * all, or written by a version with other tables.
 */
const REFUSAL =
  /file is not a database|disk image is malformed|unsupported file format|database corruption|no such (table|column)|schema version|incompatible/i;

/** A database and the files that SQLite keeps next to it. */
const SUFFIXES = ['', '-wal', '-shm', '-journal'] as const;

/** Whether what the server said on its way out blames the database. */
export function isRefusal(output: string): boolean {
  return REFUSAL.test(output);
}

export async function hasDatabase(folder: string, name: string): Promise<boolean> {
  return await access(join(folder, name)).then(
    () => true,
    () => false,
  );
}

/**
 * Moves a database and its journal aside, to `<name>.refused-<n>` with the first free n. Nothing is deleted:
 * sqlite3 may still read it.
 */
export async function moveDatabaseAside(folder: string, name: string): Promise<MovedDatabase> {
  const present = await readdir(folder);
  let n = 1;
  while (present.some((entry) => entry.startsWith(`${name}.refused-${n}`))) n++;
  const aside = `${name}.refused-${n}`;
  const moved: string[] = [];
  // The database first: it must never meet the journal of another one.
  for (const suffix of SUFFIXES) {
    if (!present.includes(name + suffix)) continue;
    await rename(join(folder, name + suffix), join(folder, aside + suffix));
    moved.push(suffix);
  }
  return {
    name: aside,
    restore: async () => {
      for (const suffix of SUFFIXES) await rm(join(folder, name + suffix), { force: true });
      for (const suffix of moved) await rename(join(folder, aside + suffix), join(folder, name + suffix));
    },
  };
}
