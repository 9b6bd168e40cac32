import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ReigniteError } from '../errors.ts';
import { statIfThere } from '../files/file-access.ts';
import { digestsOfFile } from './download/digests.ts';
import { parseByteRange } from './http/http-headers.ts';
import { parseRecordId } from './record/record.ts';

export interface ServedFile {
  readonly key: string;
  readonly path: string;
  readonly size: number;
  readonly modifiedMs: number;
}

/** The regular files of a folder as the files of a record. Digests are computed once per state of a file. */
class ServedFolder {
  readonly #folder: string;
  readonly #digests = new Map<string, Promise<string>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Lists the files by name, without hidden files and folders. */
  async files(): Promise<readonly ServedFile[]> {
    const entries = await readdir(this.#folder, { withFileTypes: true });
    const keys = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map((entry) => entry.name);
    return Promise.all(keys.sort().map((key) => this.#describe(key)));
  }

  /** Finds a file. A key is only compared with the names in the folder, never used as a path. */
  async file(key: string): Promise<ServedFile | undefined> {
    return (await this.files()).find((file) => file.key === key);
  }

  /** Returns the MD5 in lower-case hex. */
  md5Of(file: ServedFile): Promise<string> {
    const state = `${file.key}\0${file.size}\0${file.modifiedMs}`;
    const known = this.#digests.get(state);
    if (known !== undefined) return known;
    const made = digestsOfFile(file.path).then(({ md5 }) => md5);
    this.#digests.set(state, made);
    made.catch(() => this.#digests.delete(state));
    return made;
  }

  /** @throws ReigniteError FILE_MISSING if the folder does not exist. */
  async check(): Promise<void> {
    const entry = await statIfThere(this.#folder);
    if (!entry?.isDirectory()) throw new ReigniteError('FILE_MISSING', `Folder not found: ${this.#folder}.`);
  }

  async #describe(key: string): Promise<ServedFile> {
    const path = join(this.#folder, key);
    const { size, mtimeMs } = await stat(path);
    return { key, path, size, modifiedMs: mtimeMs };
  }
}

export interface ServeRecordOptions {
  /** Folder whose regular files are the files of the record. */
  readonly folder: string;
  /** Number, DOI or URL of the record as which the folder is served. */
  readonly record: string | number;
  /** Default: 0, which means any free port. */
  readonly port?: number | undefined;
  /** Whether the process may end while the server is running. Default: false. */
  readonly unref?: boolean | undefined;
}

export interface RecordServer {
  /** Root of the API, for `fetchRecord`. */
  readonly api: string;
  close(): Promise<void>;
}

/**
 * Serves a folder on 127.0.0.1 like a record of Zenodo: `GET {api}/records/:id`, and
 * `GET {api}/records/:id/files/:key/content` with Range, If-Range, ETag (`"md5:<hex>"`) and HEAD.
 * Only the regular files of the folder can be accessed. The folder is only read.
 *
 * @throws ReigniteError FILE_MISSING if the folder does not exist.
 */
export async function serveRecord(options: ServeRecordOptions): Promise<RecordServer> {
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
  await new Promise<void>((resolve, reject) => {
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
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  folder: ServedFolder,
  api: string,
  id: string,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return sendJson(response, 405, { status: 405 });
  const match = /^\/api\/records\/([^/]+)(?:\/files\/([^/]+)\/content)?$/.exec((request.url ?? '').split('?')[0] ?? '');
  if (match === null || decoded(match[1]) !== id) return sendJson(response, 404, { status: 404 });
  if (match[2] === undefined) return sendJson(response, 200, await describe(folder, api, id));
  const file = await folder.file(decoded(match[2]) ?? '');
  if (file === undefined) return sendJson(response, 404, { status: 404 });
  return sendFile(request, response, file, await folder.md5Of(file));
}

/** Decodes percent-encoding; undefined if it is invalid. */
function decoded(text: string | undefined): string | undefined {
  try {
    return decodeURIComponent(text ?? '');
  } catch {
    return undefined;
  }
}

function sendJson(response: ServerResponse, status: number, json: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
}

async function describe(folder: ServedFolder, api: string, id: string): Promise<unknown> {
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

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: ServedFile,
  md5: string,
): Promise<void> {
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
