import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
/**
 * Removes what processes that were killed left half-written in `folder`: a network of the paper's size takes 165 MB.
 *
 * @param pattern - Of the names, files' or folders'; its first group is the process that wrote.
 */
export async function removeLeftovers(folder, pattern) {
    for (const name of await readdir(folder)) {
        const owner = pattern.exec(name)?.[1];
        if (owner !== undefined && !isRunning(Number(owner))) {
            await rm(join(folder, name), { recursive: true, force: true });
        }
    }
}
/** Signal 0 asks whether a process is there; "not allowed" means that it is. */
function isRunning(process_) {
    try {
        process.kill(process_, 0);
        return true;
    }
    catch (error) {
        return error instanceof Error && 'code' in error && error.code === 'EPERM';
    }
}
