import { ReigniteError } from '../errors.js';
import { contentCodings, decodeBody } from './decode-body.js';
import { asNetworkError, discard, httpGet } from './http.js';
import { refusalOf } from './http-status.js';
import { parseRecordId } from './record-id.js';
import { FilesJson, RecordJson } from './record-json.js';
/** A record with thousands of files is far below. */
const MAX_BYTES = 32 * 2 ** 20;
/**
 * Asks the API for a record and its files. What stands for all versions leads to the newest one: the answer's `id`
 * is that of the version, and is what a run has to be pinned to.
 *
 * @throws ReigniteError RECORD_NOT_FOUND, RECORD_INVALID (names the field), ACCESS_DENIED, RATE_LIMITED (with the
 *   wait the server asks for), NETWORK, or CONFIG_INVALID when `record` is no record.
 */
export async function fetchRecord(options) {
    const asked = parseRecordId(options.record);
    const url = `${options.api.replace(/\/+$/, '')}/records/${asked}`;
    const answer = await getJson(options, url);
    const parsed = parse(RecordJson, answer.json, url, 'the record');
    const { id, concept } = parsed;
    if (id !== asked && concept !== asked && !isRecordPage(answer.url, id)) {
        throw new ReigniteError('RECORD_INVALID', `${url} answered with record ${id}, which is no version of ${asked}.`);
    }
    const list = `${options.api.replace(/\/+$/, '')}/records/${id}/files`;
    const files = parsed.files ?? parse(FilesJson, (await getJson(options, list)).json, list, 'the files');
    return recordOf({ ...parsed, files }, options.api);
}
/**
 * Reads a record from an answer of the API that was kept.
 *
 * @throws ReigniteError RECORD_INVALID that names the field.
 */
export function readRecord(json, api, origin) {
    const parsed = parse(RecordJson, json, origin, 'the record');
    return recordOf({ ...parsed, files: parsed.files ?? [] }, api);
}
function recordOf({ id, concept, doi, title, files }, api) {
    const own = `${api.replace(/\/+$/, '')}/records/${id}`;
    return {
        id,
        ...(concept === undefined ? {} : { concept }),
        ...(doi === undefined ? {} : { doi }),
        ...(title === undefined ? {} : { title }),
        files: files.map(({ key, size, md5, link }) => ({
            key,
            size,
            md5,
            url: link === undefined ? `${own}/files/${encodeURIComponent(key)}/content` : new URL(link, own).href,
        })),
    };
}
/** Whether redirects have led to the address of that version. */
function isRecordPage(url, id) {
    return new URL(url).pathname.endsWith(`/records/${id}`);
}
async function getJson(options, url) {
    const reply = await httpGet({
        ...options,
        url,
        headers: { accept: 'application/json', 'accept-encoding': 'identity' },
    });
    if (reply.status !== 200) {
        discard(reply);
        throw refusalOf(reply, 'RECORD_NOT_FOUND');
    }
    return { json: parseJson(await readText(reply, options.signal), url), url: reply.url };
}
async function readText(reply, signal) {
    const chunks = [];
    let size = 0;
    try {
        for await (const chunk of decodeBody(reply, contentCodings(reply))) {
            chunks.push(chunk);
            size += chunk.length;
            if (size > MAX_BYTES) {
                throw new ReigniteError('RECORD_INVALID', `${reply.url} is longer than ${MAX_BYTES} bytes.`);
            }
        }
    }
    catch (error) {
        throw asNetworkError(error, reply.url, signal);
    }
    return Buffer.concat(chunks).toString('utf8');
}
function parseJson(text, url) {
    try {
        return JSON.parse(text);
    }
    catch (error) {
        throw new ReigniteError('RECORD_INVALID', `${url} did not answer with JSON.`, { cause: error });
    }
}
function parse(schema, json, url, whole) {
    const parsed = schema.safeParse(json);
    if (parsed.success)
        return parsed.data;
    const issue = parsed.error.issues[0];
    const field = issue === undefined || issue.path.length === 0 ? whole : issue.path.join('.');
    throw new ReigniteError('RECORD_INVALID', `${url}: ${field}: ${issue?.message ?? 'not understood'}.`, {
        cause: parsed.error,
    });
}
