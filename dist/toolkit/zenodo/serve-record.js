import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { ReigniteError } from '../errors.js';
import { parseByteRange } from './byte-range.js';
import { parseRecordId } from './record-id.js';
import { ServedFolder } from './served-folder.js';
/**
 * Serves a folder on 127.0.0.1 as Zenodo serves a record: `GET {api}/records/:id`, and
 * `GET {api}/records/:id/files/:key/content` with Range, If-Range, ETag (`"md5:<hex>"`) and HEAD.
 * Nothing but the plain files of that folder can be reached. The folder is only read.
 *
 * @throws ReigniteError FILE_MISSING when there is no such folder.
 */
export async function serveRecord(options) {
    const id = parseRecordId(options.record);
    const folder = new ServedFolder(options.folder);
    await folder.check();
    let api = '';
    const server = createServer((request, response) => {
        answer(request, response, folder, api, id).catch(() => response.destroy());
    });
    if (options.unref === true) {
        server.unref();
        server.on('connection', (socket) => socket.unref());
    }
    await new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port ?? 0, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') {
        throw new ReigniteError('INTERNAL', `The server of ${options.folder} has no port.`);
    }
    api = `http://127.0.0.1:${address.port}/api`;
    return {
        api,
        close: () => new Promise((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
        }),
    };
}
async function answer(request, response, folder, api, id) {
    if (request.method !== 'GET' && request.method !== 'HEAD')
        return sendJson(response, 405, { status: 405 });
    const match = /^\/api\/records\/([^/]+)(?:\/files\/([^/]+)\/content)?$/.exec((request.url ?? '').split('?')[0] ?? '');
    if (match === null || decoded(match[1]) !== id)
        return sendJson(response, 404, { status: 404 });
    if (match[2] === undefined)
        return sendJson(response, 200, await describe(folder, api, id));
    const file = await folder.file(decoded(match[2]) ?? '');
    if (file === undefined)
        return sendJson(response, 404, { status: 404 });
    return sendFile(request, response, file, await folder.md5Of(file));
}
/** Undefined for what is no percent-encoding. */
function decoded(text) {
    try {
        return decodeURIComponent(text ?? '');
    }
    catch {
        return undefined;
    }
}
function sendJson(response, status, json) {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
}
async function describe(folder, api, id) {
    const files = [];
    for (const file of await folder.files()) {
        files.push({
            id: file.key,
            key: file.key,
            size: file.size,
            checksum: `md5:${await folder.md5Of(file)}`,
            links: { self: `${api}/records/${id}/files/${encodeURIComponent(file.key)}/content` },
        });
    }
    const title = `Record ${id}, served from a folder`;
    return { id: /^\d{1,15}$/.test(id) ? Number(id) : id, title, metadata: { title }, files };
}
async function sendFile(request, response, file, md5) {
    const etag = `"md5:${md5}"`;
    const lastModified = new Date(file.modifiedMs).toUTCString();
    const ifRange = request.headers['if-range'];
    const unchanged = ifRange === undefined || ifRange === etag || ifRange === lastModified;
    const range = parseByteRange(unchanged ? request.headers.range : undefined, file.size);
    const common = { etag, 'last-modified': lastModified, 'accept-ranges': 'bytes' };
    if (range === 'unsatisfiable') {
        response.writeHead(416, { ...common, 'content-range': `bytes */${file.size}` }).end();
        return;
    }
    const { start, end } = range ?? { start: 0, end: file.size - 1 };
    response.writeHead(range === undefined ? 200 : 206, {
        ...common,
        'content-type': 'application/octet-stream',
        'content-length': end - start + 1,
        ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${file.size}` }),
    });
    if (request.method === 'HEAD' || file.size === 0) {
        response.end();
        return;
    }
    await pipeline(createReadStream(file.path, { start, end }), response);
}
