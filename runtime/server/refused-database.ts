import { access, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A database and its journal that were moved aside. */
export interface MovedDatabase {
  /** The database's new name, without its folder. */
  readonly name: string;
  /** Moves everything back, replacing any newer database. */
  readonly restore: () => Promise<void>;
}

/**
 * Messages of the server or SQLite about a file that can never be used: damaged, not a database, or written by a
 * version with other tables.
 */
const REFUSAL =
  /file is not a database|disk image is malformed|unsupported file format|database corruption|no such (table|column)|schema version|incompatible/i;

/** A database and the files that SQLite keeps next to it. */
const SUFFIXES = ['', '-wal', '-shm', '-journal'] as const;

/** Returns whether the server's last output blames the database. */
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
 * Moves a database and its journal aside, to `<name>.refused-<n>` with the first free n. Nothing is deleted: sqlite3
 * may still be able to read it.
 */
export async function moveDatabaseAside(folder: string, name: string): Promise<MovedDatabase> {
  const present = await readdir(folder);
  let n = 1;
  while (present.some((entry) => entry.startsWith(`${name}.refused-${n}`))) n++;
  const aside = `${name}.refused-${n}`;
  const moved: string[] = [];
  // The database first: it must never be opened with the journal of another one.
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
