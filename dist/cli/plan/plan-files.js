import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { neededFiles } from '../../activities/fetch-record.js';
import { RecordServers } from '../../activities/record-servers.js';
import { Receipts } from '../../toolkit/cache/receipts.js';
import { isArchive, rootOfArchive } from '../../toolkit/dataset/layout.js';
import { KnownRecords, recordOfMirror } from '../../toolkit/zenodo/known-records.js';
import { findInMirror } from '../../toolkit/zenodo/mirror.js';
import { partPath } from '../../toolkit/zenodo/part-file.js';
import { isDataComplete } from './is-complete.js';
/**
 * The files of the record that a run needs, and what of them is there. Nothing is fetched: what the record holds is
 * known from the mirror, from the folder that is served, or from an earlier answer of the API.
 *
 * @returns Undefined when nobody here knows what the record holds.
 */
export async function planFiles(input, home, signal) {
    const isComplete = await isDataComplete(input);
    const { config, folders } = input;
    const record = await recordOf(config, home, signal);
    if (record === undefined)
        return undefined;
    const ownModels = config.tasks.filter((task) => config[task].model !== undefined);
    const receipts = new Receipts(home.receipts);
    return Promise.all(neededFiles(record, config.tasks, ownModels).map(async (file) => {
        const { key, size } = file;
        if ((await receipts.whole(folders.data, file)) !== undefined)
            return { key, size, state: 'there', toFetch: 0 };
        const { mirror } = config.zenodo;
        if (mirror !== undefined && (await findInMirror(mirror, file, signal, () => undefined)) !== undefined) {
            return { key, size, state: 'mirrored', toFetch: 0 };
        }
        const bytes = await bytesOf(file, folders.data);
        if (bytes === size)
            return { key, size, state: 'there', toFetch: 0 };
        if (bytes === 0 && isComplete && (await holdsRootOf(key, folders.data))) {
            return { key, size, state: 'unverified', toFetch: 0 };
        }
        return { key, size, state: bytes > 0 ? 'partly' : 'missing', toFetch: Math.max(0, size - bytes) };
    }));
}
async function recordOf({ record, zenodo }, home, signal) {
    if (zenodo.serve !== undefined) {
        const servers = new RecordServers(home);
        try {
            return await servers.record(zenodo, record, signal);
        }
        finally {
            await servers.close();
        }
    }
    const { mirror } = zenodo;
    const given = mirror === undefined ? undefined : await recordOfMirror(mirror, zenodo.api, record);
    return given ?? (await new KnownRecords(home.records, zenodo.api).recall(record));
}
async function holdsRootOf(key, data) {
    const root = rootOfArchive(key);
    return root !== undefined && (await readdir(join(data, root)).catch(() => [])).length > 0;
}
/** Of the file itself where it lies or waits to be unpacked, else of what was fetched of it so far. */
async function bytesOf({ key, size }, data) {
    const path = join(isArchive(key) ? join(data, 'archives') : data, key);
    const whole = (await stat(path).catch(() => undefined))?.size;
    if (whole === size)
        return size;
    return (await stat(partPath(path)).catch(() => undefined))?.size ?? 0;
}
