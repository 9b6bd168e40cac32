import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sha256OfFile } from '../toolkit/files/hash-file.js';
import { withHeartbeat } from './heartbeat.js';
import { figuresKey } from './step-keys.js';
/**
 * Puts the figures over all ROIs of a task in their place: the cached ones of these very metrics, or new ones.
 *
 * @param of.metrics - The task's metrics file, all that the figures show.
 * @param of.target - Folder of the figures.
 * @param render - Draws into the folder it is given and names the files.
 */
export async function cachedFigures({ home, cache }, of, render) {
    return withHeartbeat({ phase: 'drawing' }, async () => {
        const parts = figuresKey(of.task, await sha256OfFile(of.metrics));
        const known = await cache.find(cache.keyOf(parts));
        const entry = known ?? (await renderAndStore());
        const files = Object.keys(entry.files);
        for (const name of files)
            await cache.restore(entry.key, name, join(of.target, name));
        return { files, cached: known !== undefined };
        async function renderAndStore() {
            const work = join(home.work, cache.keyOf(parts));
            await mkdir(work, { recursive: true });
            const paths = await render(work);
            const stored = await cache.store(parts, Object.fromEntries(paths.map((path) => [basename(path), path])), {});
            await rm(work, { recursive: true, force: true });
            return stored;
        }
    });
}
