import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Accident, Fault } from './fault.ts';
import { needsRange } from './fault.ts';

/** A served file and its faults. */
export interface ServedFile {
  readonly key: string;
  readonly bytes: Buffer;
  /** Used one by one, for one request each. */
  readonly faults: readonly Fault[];
  /** Path where the client writes it: at most `WINDOW` bytes are sent ahead of it. */
  readonly part: string;
}

/** Changes to the record's metadata. */
export interface RecordChanges {
  /** HTTP status of the response for the record. */
  readonly status?: number;
  /** Replaces its JSON. */
  readonly body?: string;
  /** A file that it lists but that does not exist. */
  readonly missing?: string;
  /** Size of every file, in bytes. */
  readonly size?: number;
}

export interface SeenRequest {
  readonly key: string;
  readonly at: number;
  readonly userAgent: string | undefined;
  readonly range: string | undefined;
  /** Bytes of the body that were sent. */
  sent: number;
}

/** A slow connection buffers little, so little is lost when it breaks. In bytes. */
const WINDOW = 24 * 1024;
const CHUNK = 8 * 1024;
/** A client that stops reading for this long is gone. */
const IDLE_MS = 5_000;

/**
 * Serves files like Zenodo, on the loopback address, with the faults that a test requests, and records every request,
 * the bytes sent, and the maximum number of open connections.
 */
export class FaultyServer {
  readonly requests: SeenRequest[] = [];
  mostConnections = 0;
  changes: RecordChanges = {};
  #connections = 0;
  readonly #server: Server;
  readonly #files: ReadonlyMap<string, ServedFile>;
  readonly #left: Map<string, Fault[]>;
  readonly #onAccident: (kind: Accident, key: string) => void;
  #closed = false;

  /** @param onAccident - Called in the middle of a file; the reply continues as long as the client is connected. */
  constructor(files: readonly ServedFile[], onAccident: (kind: Accident, key: string) => void = () => undefined) {
    this.#files = new Map(files.map((file) => [file.key, file]));
    this.#left = new Map(files.map(({ key, faults }) => [key, [...faults]]));
    this.#onAccident = onAccident;
    this.#server = createServer(
      (request, response) => void this.#answer(request, response).catch(() => response.destroy()),
    );
    this.#server.on('connection', (socket) => {
      this.#connections += 1;
      // The event of a closed connection is late when the process is busy; the kernel knows at once.
      const open = Math.min(this.#connections, openTo(socket.localPort ?? 0) ?? this.#connections);
      this.mostConnections = Math.max(this.mostConnections, open);
      // When its end is seen, the other side has closed; our side takes longer.
      let isOpen = true;
      const gone = () => {
        if (isOpen) this.#connections -= 1;
        isOpen = false;
      };
      for (const sign of ['end', 'error', 'close']) socket.once(sign, gone);
      socket.on('error', () => undefined);
    });
  }

  /** @returns Base URL of the API. */
  async start(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('The server has no port.');
    return `http://127.0.0.1:${address.port}/api`;
  }

  /** Faults that were not used. */
  get left(): readonly Fault[] {
    return [...this.#left.values()].flat();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = /\/files\/([^/]+)\/content$/.exec(request.url ?? '')?.[1];
    const file = this.#files.get(decodeURIComponent(name ?? ''));
    const seen: SeenRequest = {
      key: file?.key ?? '',
      at: performance.now(),
      userAgent: request.headers['user-agent'],
      range: request.headers.range,
      sent: 0,
    };
    this.requests.push(seen);
    const { status = 200, body, missing } = this.changes;
    if (file !== undefined && file.key !== missing) return this.#sendFile(file, request, response, seen);
    const match = /^\/api\/records\/([^/]+)$/.exec(request.url ?? '');
    response.writeHead(match === null ? 404 : status, { 'content-type': 'application/json' });
    response.end(
      body ?? JSON.stringify(match === null ? {} : this.#record(match[1] ?? '', request.headers.host ?? '')),
    );
  }

  #record(id: string, host: string) {
    const files = [...this.#files.values()].map(({ key, bytes }) => ({
      key,
      size: this.changes.size ?? bytes.length,
      checksum: `md5:${md5Of(bytes)}`,
      links: { self: `http://${host}/api/records/${id}/files/${encodeURIComponent(key)}/content` },
    }));
    return { id: Number(id), metadata: { title: 'A record that is hard to get' }, files };
  }

  async #sendFile(file: ServedFile, request: IncomingMessage, response: ServerResponse, seen: SeenRequest) {
    const { bytes } = file;
    const asked = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? -1);
    const etag = `"md5:${md5Of(bytes)}"`;
    const ifRange = request.headers['if-range'];
    const from = ifRange !== undefined && ifRange !== etag ? -1 : asked;
    const fault = this.#next(file.key, asked >= 0);
    if (fault !== undefined) return this.#misbehave(fault, file, asked, response, seen);
    if (from >= bytes.length) return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    writeHead(response, bytes, from);
    await this.#send(response, file, bytes.subarray(Math.max(0, from)), seen, Math.max(0, from));
    response.end();
  }

  /** Returns the next fault that applies to this request. */
  #next(key: string, hasRange: boolean): Fault | undefined {
    const left = this.#left.get(key) ?? [];
    const index = left.findIndex((fault) => hasRange || !needsRange(fault));
    return index < 0 ? undefined : left.splice(index, 1)[0];
  }

  async #misbehave(fault: Fault, file: ServedFile, asked: number, response: ServerResponse, seen: SeenRequest) {
    const { bytes } = file;
    const start = Math.max(0, asked);
    const rest = bytes.subarray(start);
    const until = Math.max(1, Math.floor(fault.at * rest.length));
    const etag = `"md5:${md5Of(bytes)}"`;
    const plain = (status: number, headers: Record<string, string> = {}) =>
      void response.writeHead(status, headers).end(`HTTP ${status}`);
    switch (fault.kind) {
      case 'cut':
        writeHead(response, bytes, asked);
        await this.#send(response, file, rest.subarray(0, until), seen, start);
        await this.#arrived(response, file, start + until);
        return void response.destroy();
      case 'stall':
        writeHead(response, bytes, asked);
        return this.#send(response, file, rest.subarray(0, until), seen, start);
      case 'silent':
        return;
      case 'refused':
        return void response.destroy();
      case 'too-many':
        return plain(429, { 'retry-after': fault.at < 0.5 ? '0' : '1' });
      case 'limit-reset':
        return plain(429, { 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1_000)) });
      case 'unavailable':
        return plain(503, { 'retry-after': new Date(Date.now() + 500).toUTCString() });
      case 'server-error':
        return plain([500, 502, 504][Math.floor(fault.at * 3)] ?? 500);
      case 'range-ignored':
        writeHead(response, bytes, -1);
        await this.#send(response, file, bytes, seen);
        return void response.end();
      case 'wrong-range': {
        const wrong = [
          `bytes ${start - 1}-${bytes.length - 1}/${bytes.length}`,
          `bytes ${start}-${bytes.length}/${bytes.length + 1}`,
        ];
        response.writeHead(206, { etag, 'content-range': wrong[fault.at < 0.5 ? 0 : 1] ?? '' });
        await this.#send(response, file, rest, seen, start);
        return void response.end();
      }
      case 'unsatisfiable':
        return plain(416, { 'content-range': `bytes */${bytes.length}` });
      case 'encoded': {
        const packed = gzipSync(rest, { level: 1 });
        const range = asked > 0 ? { 'content-range': `bytes ${asked}-${bytes.length - 1}/${bytes.length}` } : {};
        response.writeHead(asked > 0 ? 206 : 200, { etag, 'content-encoding': 'gzip', ...range });
        await this.#send(response, file, packed, seen, start);
        return void response.end();
      }
      case 'web-page':
        return void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>We will be back soon</h1>');
      case 'hidden-web-page':
        return void response.writeHead(200).end('<!DOCTYPE html><h1>Please log in</h1>');
      case 'changed': {
        const other = Buffer.concat([spoiled(bytes), Buffer.alloc(100)]);
        response.writeHead(200, { etag: `"md5:${md5Of(other)}"`, 'content-length': other.length });
        await this.#send(response, file, other, seen);
        return void response.end();
      }
      case 'corrupt':
        writeHead(response, bytes, asked);
        await this.#send(response, file, spoiled(rest), seen, start);
        return void response.end();
      case 'short-length':
        response.writeHead(asked > 0 ? 206 : 200, {
          etag,
          'content-length': until,
          ...(asked > 0 ? { 'content-range': `bytes ${asked}-${asked + until - 1}/${bytes.length}` } : {}),
        });
        await this.#send(response, file, rest.subarray(0, until), seen, start);
        return void response.end();
      case 'long-length':
        response.writeHead(asked > 0 ? 206 : 200, {
          etag,
          'content-length': rest.length + 1_000,
          ...(asked > 0 ? { 'content-range': `bytes ${asked}-${bytes.length - 1}/${bytes.length}` } : {}),
        });
        await this.#send(response, file, rest, seen, start);
        await this.#arrived(response, file, bytes.length);
        return void response.destroy();
      case 'kill':
      case 'cancel':
      case 'disk-full': {
        writeHead(response, bytes, asked);
        await this.#send(response, file, rest.subarray(0, until), seen, start);
        this.#onAccident(fault.kind, file.key);
        await this.#send(response, file, rest.subarray(until), seen, start + until);
        return void response.end();
      }
    }
  }

  /** Sends no faster than the bytes arrive on the client's disk. */
  async #send(response: ServerResponse, file: ServedFile, bytes: Buffer, seen: SeenRequest, base = 0): Promise<void> {
    let idleSince = performance.now();
    let arrived = 0;
    for (let at = 0; at < bytes.length; ) {
      if (this.#closed || isGone(response)) return;
      const now = Math.max(0, lengthOf(file.part) - base);
      if (now !== arrived) idleSince = performance.now();
      arrived = now;
      if (at - arrived >= WINDOW) {
        if (performance.now() - idleSince > IDLE_MS) return;
        await sleep(1);
        continue;
      }
      const chunk = bytes.subarray(at, at + CHUNK);
      response.write(chunk);
      at += chunk.length;
      seen.sent += chunk.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Waits until bytes are on disk: bytes in transit may be lost with a connection, so the position of a cut is a minimum. */
  async #arrived(response: ServerResponse, file: ServedFile, length: number): Promise<void> {
    const deadline = performance.now() + IDLE_MS;
    while (lengthOf(file.part) < length && !isGone(response) && performance.now() < deadline) await sleep(1);
  }
}

function writeHead(response: ServerResponse, bytes: Buffer, asked: number): void {
  const start = Math.max(0, asked);
  response.writeHead(asked < 0 ? 200 : 206, {
    etag: `"md5:${md5Of(bytes)}"`,
    'content-type': 'application/octet-stream',
    'content-length': bytes.length - start,
    // Meaningless in a successful response, but Zenodo sends it.
    'retry-after': '60',
    ...(asked < 0 ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  });
}

function isGone(response: ServerResponse): boolean {
  return response.destroyed || response.socket?.destroyed === true;
}

function spoiled(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const middle = copy.length >> 1;
  copy[middle] = (copy[middle] ?? 0) ^ 0xff;
  return copy;
}

const ESTABLISHED = '01';

/** Returns the number of open client connections to a port of this machine; undefined if the kernel does not report them. */
function openTo(port: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const lines = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
  return lines.filter((line) => {
    const [, , remote = '', state] = line.trim().split(/\s+/);
    return state === ESTABLISHED && Number.parseInt(remote.split(':')[1] ?? '', 16) === port;
  }).length;
}

function lengthOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

const sums = new WeakMap<Buffer, string>();

export function md5Of(bytes: Buffer): string {
  const known = sums.get(bytes) ?? createHash('md5').update(bytes).digest('hex');
  sums.set(bytes, known);
  return known;
}
