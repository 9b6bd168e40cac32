import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../errors.js';
import { writeFileAtomic } from '../files/atomic-write.js';
import { sha256Of } from '../files/hash-file.js';
import { readRecord } from './record.js';
import { parseRecordId } from './record-id.js';
const Known = z.object({
    id: z.string(),
    concept: z.string().exactOptional(),
    doi: z.string().exactOptional(),
    title: z.string().exactOptional(),
    files: z.array(z.object({ key: z.string(), size: z.number(), md5: z.string(), url: z.string() })),
});
/** Records as an API described them, kept in the home. What a number stands for is resolved once, and stays so. */
export class KnownRecords {
    #folder;
    /** @param folder - `records` of the home. */
    constructor(folder, api) {
        this.#folder = join(folder, sha256Of(api).slice(0, 16));
    }
    async remember(asked, record) {
        for (const id of new Set([parseRecordId(asked), record.id])) {
            await writeFileAtomic(this.#pathOf(id), JSON.stringify(record, null, 1));
        }
    }
    /** The record that a number was resolved to; undefined when it never was. */
    async recall(asked) {
        try {
            return Known.parse(JSON.parse(await readFile(this.#pathOf(parseRecordId(asked)), 'utf8')));
        }
        catch {
            return undefined;
        }
    }
    #pathOf(id) {
        return join(this.#folder, `${id}.json`);
    }
}
/**
 * The answer of the API to a question for the record, as somebody put it into the mirror: `record.json`.
 *
 * @returns Undefined when there is none, or one of another record.
 * @throws ReigniteError RECORD_INVALID when it is no such answer.
 */
export async function recordOfMirror(mirror, api, asked) {
    const path = join(mirror, 'record.json');
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined)
        return undefined;
    const record = readRecord(parseJson(text, path), api, path);
    const id = parseRecordId(asked);
    return record.id === id || record.concept === id ? record : undefined;
}
function parseJson(text, path) {
    try {
        return JSON.parse(text);
    }
    catch (error) {
        throw new ReigniteError('RECORD_INVALID', `${path} is no JSON.`, { cause: error });
    }
}
