import { access, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
/**
 * What the server or SQLite says of a file that will not serve however often it is tried: damaged, no database at
 * all, or written by a version with other tables.
 */
const REFUSAL = /file is not a database|disk image is malformed|unsupported file format|database corruption|no such (table|column)|schema version|incompatible/i;
/** A database and the files that SQLite keeps beside it. */
const SUFFIXES = ['', '-wal', '-shm', '-journal'];
/** Whether what the server said on its way out blames the database. */
export function isRefusal(output) {
    return REFUSAL.test(output);
}
export async function hasDatabase(folder, name) {
    return await access(join(folder, name)).then(() => true, () => false);
}
/**
 * Moves a database and its journal aside, to `<name>.refused-<n>` with the first free n. Nothing is deleted:
 * sqlite3 may still read it.
 */
export async function moveDatabaseAside(folder, name) {
    const present = await readdir(folder);
    let n = 1;
    while (present.some((entry) => entry.startsWith(`${name}.refused-${n}`)))
        n++;
    const aside = `${name}.refused-${n}`;
    const moved = [];
    // The database first: it must never meet the journal of another one.
    for (const suffix of SUFFIXES) {
        if (!present.includes(name + suffix))
            continue;
        await rename(join(folder, name + suffix), join(folder, aside + suffix));
        moved.push(suffix);
    }
    return {
        name: aside,
        restore: async () => {
            for (const suffix of SUFFIXES)
                await rm(join(folder, name + suffix), { force: true });
            for (const suffix of moved)
                await rename(join(folder, aside + suffix), join(folder, name + suffix));
        },
    };
}
