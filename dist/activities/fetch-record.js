import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { archivesOf, isArchive, rootOfArchive } from '../toolkit/dataset/layout.js';
import { ReigniteError } from '../toolkit/errors.js';
import { Selection } from '../toolkit/zenodo/selection.js';
import { withHeartbeat } from './heartbeat.js';
import { FetchRecordInput } from './inputs.js';
import { withPatience } from './with-patience.js';
/**
 * Asks the record's API for the files that are wanted, with sizes, checksums and addresses. Nobody is asked when all of
 * them lie in the data folder already, fetched and verified: a version never changes.
 */
export function createFetchRecord({ servers, receipts, patience }) {
    return async function fetchRecord(input) {
        const { record, zenodo, data, retrySeconds, ...wanted } = FetchRecordInput.parse(input);
        const signal = Context.current().cancellationSignal;
        const attempt = { zenodo, retrySeconds, subject: `${zenodo.api} ${record}`, bytes: async () => 0 };
        return withPatience(patience, attempt, () => withHeartbeat({ record }, async () => {
            const known = await servers.known(zenodo, record);
            const isHere = known !== undefined && (await areHere(receipts, data, known, wanted));
            if (!isHere && zenodo.offline)
                return asItLies(record, data, wanted);
            const { files, title = '', ...found } = isHere ? known : await servers.record(zenodo, record, signal);
            await receipts.writeRecord(data, { ...found, title });
            return { ...found, title, files: wantedFiles({ ...found, files }, wanted) };
        }));
    };
}
async function areHere(receipts, data, record, wanted) {
    if (wanted.only !== undefined)
        return false;
    for (const file of wantedFiles(record, wanted)) {
        if ((await receipts.whole(data, file)) === undefined)
            return false;
    }
    return true;
}
/** A data folder that nobody has to verify: what the tasks need has to be there, and nothing is fetched. */
async function asItLies(record, data, { tasks, ownModels }) {
    const { archives, files } = archivesOf(tasks, ownModels);
    const needed = [...archives.map(({ root }) => root), ...files].filter((name) => !PUBLISHED_RESULTS.includes(name));
    for (const name of needed) {
        if (existsSync(join(data, name)) || PUBLISHED_ROOTS.includes(name))
            continue;
        throw new ReigniteError('FILE_MISSING', `${data} holds no ${name}, and zenodo.offline forbids to fetch it.`);
    }
    return { id: record, title: `taken from ${data} as it lies there`, files: [] };
}
/** What was published beside the data: a record without it can still be run, only not be compared. */
const PUBLISHED_RESULTS = ['inference.zip', 'figures.zip', 'he_label_map.json'];
const PUBLISHED_ROOTS = ['inference', 'figures'];
function wantedFiles(record, { tasks, whole, only, ownModels }) {
    const files = whole ? record.files : neededFiles(record, tasks, ownModels);
    if (only === undefined)
        return files.map((file) => ({ ...file, part: false }));
    const selection = new Selection(only);
    return files.flatMap((file) => {
        if (selection.takes(file.key))
            return [{ ...file, part: false }];
        const root = rootOfArchive(file.key);
        const mayHold = isArchive(file.key) && (root === undefined || selection.mayTakeBelow(root));
        return mayHold ? [{ ...file, part: true }] : [];
    });
}
/** Files of a record that the tasks need, and what was published beside the data. */
export function neededFiles(record, tasks, ownModels) {
    const { archives, files } = archivesOf(tasks, ownModels);
    return [...archives.map(({ key }) => key), ...files].flatMap((name) => {
        const found = record.files.find(({ key }) => key === name);
        if (found !== undefined)
            return [found];
        if (PUBLISHED_RESULTS.includes(name))
            return [];
        throw new ReigniteError('FILE_NOT_IN_RECORD', `Record ${record.id} holds no file ${name}.`);
    });
}
