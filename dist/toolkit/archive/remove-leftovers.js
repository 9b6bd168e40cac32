import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
/** As `temporaryPathBeside` names them: `.<name>.<process>.<random>.tmp`. */
const TEMPORARY = /^\.(.+)\.(\d+)\.[0-9a-f]+\.tmp$/;
/**
 * Removes what an attempt that was killed left beside the places of its files; a published folder holds nothing of
 * ours. What a process that still runs is writing stays.
 *
 * @param places - The files about to be unpacked.
 */
export async function removeLeftovers(places) {
    const known = new Set(places);
    for (const folder of new Set(places.map((place) => dirname(place)))) {
        for (const entry of await readdir(folder).catch(() => [])) {
            const [, name = '', pid] = TEMPORARY.exec(entry) ?? [];
            if (known.has(join(folder, name)) && !isRunning(Number(pid)))
                await rm(join(folder, entry), { force: true });
        }
    }
}
/** Signal 0 asks whether a process is there; "not allowed" means that it is. */
function isRunning(pid) {
    try {
        process.kill(pid, 0);
        return true;
    }
    catch (error) {
        return error instanceof Error && 'code' in error && error.code === 'EPERM';
    }
}
