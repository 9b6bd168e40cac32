import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Receipts } from '../../toolkit/cache/receipts.js';
/** What `clean` knows to remove, and what its loss costs. */
export const REMOVABLE = {
    cache: 'results of steps; a run computes them again',
    partial: 'ROIs and files half done; they are begun again',
    models: 'converted networks and their copies for this processor; converted again in minutes',
    runs: 'plans and failures of closed runs; `why` knows less of them',
    logs: 'logs of workers and servers',
    databases: 'databases of the server that it refused, moved aside',
    archives: 'downloaded archives whose contents lie in the data folder',
};
/**
 * Finds what can go. Never the record's data, results, receipts or the history.
 *
 * @param dataFolders - Those that runs of this home were given.
 */
export async function findRemovable(home, dataFolders) {
    const folders = [...new Set([home.sample, ...dataFolders])];
    const inData = (pick) => Promise.all(folders.map(pick)).then((all) => all.flat());
    const places = {
        cache: [home.cache],
        partial: [home.work, ...(await inData(partialFiles))],
        models: [home.models],
        runs: [home.runs],
        logs: [home.logs],
        databases: (await namesIn(join(home.home, 'temporal')))
            .filter((name) => /\.refused-\d+/.test(name))
            .map((name) => join(home.home, 'temporal', name)),
        archives: await inData((data) => unpackedArchives(data, new Receipts(home.receipts))),
    };
    const found = [];
    for (const what of REMOVABLES) {
        const sizes = await Promise.all(places[what].map(sizeOf));
        const files = sizes.reduce((sum, size) => sum + size.files, 0);
        const bytes = sizes.reduce((sum, size) => sum + size.bytes, 0);
        if (files > 0)
            found.push({ what, paths: places[what].filter((_, index) => (sizes[index]?.files ?? 0) > 0), files, bytes });
    }
    return found;
}
export const REMOVABLES = ['cache', 'partial', 'models', 'runs', 'logs', 'databases', 'archives'];
/** What a transfer leaves until it has ended, beside the file that it will be. */
const PARTIAL = /\.(part|part\.json|pieces)$/;
async function partialFiles(data) {
    const places = [data, join(data, 'archives')];
    const named = await Promise.all(places.map(async (folder) => (await namesIn(folder)).filter((name) => PARTIAL.test(name)).map((name) => join(folder, name))));
    return named.flat();
}
/** Archives of which a receipt says that all of it was verified and unpacked, and is still there. */
async function unpackedArchives(data, receipts) {
    const { files } = await receipts.manifest(data);
    const paths = [];
    for (const { key, md5 } of files) {
        if (key.toLowerCase().endsWith('.zip') && (await receipts.whole(data, { key, md5 })) !== undefined) {
            paths.push(join(data, 'archives', key));
        }
    }
    return paths;
}
async function namesIn(folder) {
    return readdir(folder).catch(() => []);
}
/** Links are not followed: what they lead to is not ours. */
async function sizeOf(path) {
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined)
        return { files: 0, bytes: 0 };
    if (!found.isDirectory())
        return { files: 1, bytes: found.size };
    let [files, bytes] = [0, 0];
    for (const name of await namesIn(path)) {
        const size = await sizeOf(join(path, name));
        files += size.files;
        bytes += size.bytes;
    }
    return { files, bytes };
}
