import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { withStallLimit } from '../../../toolkit/stall-limit.js';
import { discard, httpGet } from '../../../toolkit/zenodo/http.js';
/** Far above any answer that we ask for. */
const JSON_LIMIT_BYTES = 16 << 20;
/** Reads a JSON document, through the proxy that the environment names. */
export async function getJson(url, options) {
    const chunks = [];
    await readBody(url, options, async (body) => {
        let bytes = 0;
        for await (const chunk of body) {
            bytes += chunk.length;
            if (bytes > JSON_LIMIT_BYTES)
                throw new Error(`${url} answers with too much`);
            chunks.push(chunk);
        }
    });
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
/** Writes what a URL holds to a new file, through the proxy that the environment names. */
export async function downloadTo(path, url, options) {
    await readBody(url, options, (body) => pipeline(body, createWriteStream(path, { flags: 'wx' })));
}
async function readBody(url, { stallMs, signal, headers }, read) {
    await withStallLimit(stallMs, signal, async (limited, alive) => {
        const reply = await httpGet({ url, headers, signal: limited, stallMs });
        if (reply.status !== 200) {
            discard(reply);
            throw new Error(`${url} answers with status ${reply.status}`);
        }
        await read(watched(reply.body, alive));
    });
}
async function* watched(body, alive) {
    for await (const chunk of body) {
        alive();
        yield chunk;
    }
}
