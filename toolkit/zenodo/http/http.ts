import { createWriteStream, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Agent, buildConnector, type Dispatcher, EnvHttpProxyAgent, Pool, request } from 'undici';
import { z } from 'zod';
import { pause, withStallLimit } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { codeOf } from '../../files/file-access.ts';
import { makeFolderSync } from '../../files/folders.ts';
import { defaultUserAgent, type HttpReply, retryAfterMs } from './http-headers.ts';

/** Options of one GET. It is not retried here, but by the caller, who knows what is on disk. */
export interface HttpGet {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly userAgent?: string | undefined;
  /** Personal token, sent in a header and only to the host of `url`. */
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Maximum time until the head of the reply arrives, and between bytes of its body, in ms. Default 30 s. */
  readonly stallMs?: number | undefined;
  /** Limits the rate of requests. Default: no limit, for example for a server on this machine. */
  readonly rateLimiter?: HostRateLimiter | undefined;
}

const DEFAULT_STALL_MS = 30_000;
const MAX_REDIRECTS = 5;
/** Maximum number of connections per origin, including idle ones that are kept for the next request. */
const MAX_CONNECTIONS = 2;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Sends one GET and follows redirects. Uses the proxy set by HTTPS_PROXY, HTTP_PROXY and NO_PROXY, except for addresses of
 * this machine. The token is not sent to another host after a redirect.
 *
 * @throws ReigniteError NETWORK without a connection or an answer; the signal's reason when aborted.
 */
export async function httpGet(get: HttpGet): Promise<HttpReply> {
  const first = parseHttpUrl(get.url);
  let url = first;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const reply = await send(url, get, url.origin === first.origin ? get.token : undefined);
    const location = reply.header('location');
    if (!REDIRECTS.has(reply.status) || location === undefined) return reply;
    discard(reply);
    url = redirectTarget(url, location);
  }
  throw new ReigniteError('NETWORK', `${first.href} redirects more than ${MAX_REDIRECTS} times.`);
}

/** Discards an unread body and ignores its errors. */
export function discard(reply: HttpReply): void {
  reply.body.on('error', () => {});
  reply.body.destroy();
}

/** Options of a request whose whole answer is read. */
interface ReadOptions extends Pick<HttpGet, 'headers'> {
  /** Time without data after which it fails, ms; also covers a proxy that accepts a connection and stays silent. */
  readonly stallMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Far more than any expected answer. */
const JSON_LIMIT_BYTES = 16 << 20;

/**
 * Reads a JSON document.
 *
 * @throws Error for a status other than 200, too long an answer, or one that is not JSON; what {@link httpGet} throws.
 */
export async function getJson(url: string, options: ReadOptions): Promise<unknown> {
  const chunks: Buffer[] = [];
  await readBody(url, options, async (body) => {
    let bytes = 0;
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > JSON_LIMIT_BYTES) throw new Error(`${url} sends too many bytes`);
      chunks.push(chunk);
    }
  });
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

/**
 * Downloads a URL to a new file, in one attempt and unverified.
 *
 * @throws Error for a status other than 200; what {@link httpGet} throws.
 */
export async function downloadTo(path: string, url: string, options: ReadOptions): Promise<void> {
  await readBody(url, options, (body) => pipeline(body, createWriteStream(path, { flags: 'wx' })));
}

async function readBody(
  url: string,
  { stallMs, signal, headers }: ReadOptions,
  read: (body: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  await withStallLimit(stallMs, signal, async (limited, alive) => {
    const reply = await httpGet({ url, headers, signal: limited, stallMs });
    if (reply.status !== 200) {
      discard(reply);
      throw new Error(`${url} answered with HTTP status ${reply.status}`);
    }
    await read(watched(reply.body, alive));
  });
}

async function* watched(body: AsyncIterable<Buffer>, alive: () => void): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    alive();
    yield chunk;
  }
}

/** Converts an error of the connection to NETWORK. Passes on our own errors and the reason of an abort. */
export function asNetworkError(error: unknown, url: string, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof ReigniteError) return error;
  const cause = `No complete answer from ${url}: ${messageOf(error)}.`;
  return new ReigniteError('NETWORK', cause, {
    cause: error,
    ...(/CERT|UNABLE_TO_VERIFY/.test(codeOf(error) ?? '') ? { remedy: CERTIFICATE_REMEDY } : {}),
  });
}

const CERTIFICATE_REMEDY =
  'Set NODE_EXTRA_CA_CERTS to a file with the certificate of your proxy, then run the same command again.';

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // If a host name has several addresses, their errors are wrapped in one without a message.
  if (error.message === '' && error instanceof AggregateError) return messageOf(error.errors[0]);
  const code = codeOf(error);
  return `${error.message.replace(/\.$/, '')}${code === undefined ? '' : ` (${code})`}`;
}

function parseHttpUrl(text: string, base?: string): URL {
  const url = URL.canParse(text, base) ? new URL(text, base) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new ReigniteError('RECORD_INVALID', `"${text}" is not an http or https address.`);
}

function redirectTarget(from: URL, location: string): URL {
  const to = parseHttpUrl(location, from.href);
  if (from.protocol === 'https:' && to.protocol !== 'https:') {
    throw new ReigniteError('NETWORK', `${from.href} redirects to ${to.href}, which is not encrypted.`);
  }
  return to;
}

async function send(url: URL, get: HttpGet, token: string | undefined): Promise<HttpReply> {
  const leave = (await get.rateLimiter?.enter(url.host, get.signal)) ?? (() => {});
  try {
    const reply = await sendNow(url, get, token);
    reply.body.once('close', leave);
    // Only for refusals, because Zenodo also sends Retry-After with successful replies.
    if (reply.status === 429 || reply.status === 503)
      get.rateLimiter?.holdOff(url.host, retryAfterMs(reply, Date.now()) ?? 0);
    return reply;
  } catch (error) {
    leave();
    throw error;
  }
}

async function sendNow(url: URL, get: HttpGet, token: string | undefined): Promise<HttpReply> {
  const { signal, stallMs = DEFAULT_STALL_MS } = get;
  try {
    // While a request waits for the proxy to open a tunnel, undici ignores its signal and its time limits.
    const { statusCode, headers, body } = await withStallLimit(stallMs, signal, (limited) =>
      request(url, {
        dispatcher: dispatcherFor(url),
        headers: {
          'user-agent': get.userAgent ?? defaultUserAgent(),
          ...get.headers,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        headersTimeout: stallMs,
        bodyTimeout: stallMs,
        signal: limited,
      }),
    );
    const header = (name: string) => {
      const value = headers[name];
      return typeof value === 'string' ? value : value?.[0];
    };
    return { status: statusCode, header, body, url: url.href };
  } catch (error) {
    throw asNetworkError(error, url.href, signal);
  }
}

let proxied: Dispatcher | undefined;
let direct: Dispatcher | undefined;

function dispatcherFor(url: URL): Dispatcher {
  if (LOOPBACK.has(url.hostname)) {
    direct ??= new Agent({ connections: MAX_CONNECTIONS, connect: limitConnectionsPerHost(MAX_CONNECTIONS) });
    return direct;
  }
  // Abandoned tunnels would stay half open for minutes and keep the process alive.
  proxied ??= new EnvHttpProxyAgent({
    connections: MAX_CONNECTIONS,
    connect: limitConnectionsPerHost(MAX_CONNECTIONS),
    clientFactory: (origin, options) =>
      new Pool(origin, { ...options, connections: MAX_CONNECTIONS, headersTimeout: DEFAULT_STALL_MS }),
    factory: (origin, options) => new Pool(origin, { ...options, ...triedOnce(options) }),
  });
  return proxied;
}

/**
 * Makes a proxy that refuses a tunnel an ordinary error of the request. By default, undici treats it as a lost connection
 * and retries forever without a pause, even if the request was aborted.
 */
function triedOnce({ connect }: Pool.Options): Pick<Pool.Options, 'connect'> {
  if (typeof connect !== 'function') return {};
  const once: typeof connect = (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error === null) callback(null, socket);
      else callback(new Error(`No tunnel to ${options.hostname}: ${error.message}`, { cause: error }), null);
    });
  return { connect: once };
}

/**
 * Limits the open sockets per host. A closing socket counts until it is fully closed, so that the limit is never exceeded.
 *
 * @param most - Maximum number of sockets per host and port.
 */
function limitConnectionsPerHost(most: number): buildConnector.connector {
  const connect = buildConnector({});
  const open = new Map<string, number>();
  const waiting = new Map<string, (() => void)[]>();
  const leave = (host: string) => {
    open.set(host, (open.get(host) ?? 1) - 1);
    waiting.get(host)?.shift()?.();
  };
  return (options, callback) => {
    const host = `${options.hostname}:${options.port}`;
    const begin = () => {
      open.set(host, (open.get(host) ?? 0) + 1);
      connect(options, (error, socket) => {
        // There is no socket after an error, contrary to the types.
        if (error !== null || !socket) {
          leave(host);
          callback(error ?? new Error(`No connection to ${host}.`), null);
        } else {
          onceClosed(socket, () => leave(host));
          callback(null, socket);
        }
      });
    };
    if ((open.get(host) ?? 0) < most) begin();
    else waiting.set(host, [...(waiting.get(host) ?? []), begin]);
  };
}

function onceClosed(socket: Socket, then: () => void): void {
  if (socket.closed) then();
  else socket.once('close', then);
}

const Log = z.object({ sent: z.array(z.number()), notBefore: z.number() });
type Log = z.infer<typeof Log>;

/**
 * Recent requests to a host, and the time until which the host asked for no requests. Stored on disk, so that a restarted
 * process knows what the one before it had sent. Times are epoch ms.
 */
class RequestLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Reads the requests after `since`, oldest first. Ignores those in the future, in case the clock was set back. */
  read(since: number, now: number): Log {
    const { sent, notBefore } = this.#load();
    return { sent: sent.filter((time) => time > since && time <= now).sort((a, b) => a - b), notBefore };
  }

  /** Writes the log. Losing it is harmless, so a full disk does not stop requests. */
  write(log: Log): void {
    try {
      makeFolderSync(dirname(this.#path));
      const temporary = `${this.#path}.${process.pid}`;
      writeFileSync(temporary, JSON.stringify(log));
      renameSync(temporary, this.#path);
    } catch {
      // See above.
    }
  }

  #load(): Log {
    try {
      return Log.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch {
      return { sent: [], notBefore: 0 };
    }
  }
}

interface RateLimiterOptions {
  /** Folder in which recent requests are recorded. */
  readonly folder: string;
  /** Maximum number of open requests per host. Default: 2. */
  readonly connections?: number;
  /** Maximum number of requests per host in any window. Default: 50. */
  readonly requests?: number;
  /** Length of a window. Default: 60 s. */
  readonly windowMs?: number;
}

/** If the server asks for a wait up to this, it is made here instead of throwing RATE_LIMITED. */
const SHORT_WAIT_MS = 1_000;
const QUEUE_POLL_MS = 20;
/** Added to the window, because requests arrive at the server with varying delays after they were recorded. */
const UNDER_WAY_MS = 100;

/**
 * Limits requests per host: at most a fixed number at the same time and in any window, and none while the host asked for
 * no requests. A single process of a state directory makes all downloads; requests of an earlier process count too.
 */
export class HostRateLimiter {
  readonly #options: Required<RateLimiterOptions>;
  readonly #hosts = new Map<string, { log: RequestLog; open: number }>();

  constructor({ folder, connections = 2, requests = 50, windowMs = 60_000 }: RateLimiterOptions) {
    this.#options = { folder, connections, requests, windowMs };
  }

  /**
   * Waits until a request may be sent.
   *
   * @returns A function to call when the reply has ended, also after an error.
   * @throws ReigniteError RATE_LIMITED with the time to wait if the host asked for no requests for more than a second; the
   *   signal's reason when aborted.
   */
  async enter(host: string, signal?: AbortSignal): Promise<() => void> {
    const state = this.#stateOf(host);
    for (;;) {
      signal?.throwIfAborted();
      const wait = state.open >= this.#options.connections ? QUEUE_POLL_MS : this.#waitOf(host, state.log);
      if (wait <= 0) break;
      await pause(wait, signal);
    }
    state.open += 1;
    let left = false;
    return () => {
      if (!left) state.open -= 1;
      left = true;
    };
  }

  /** Records for how long the host asked for no requests. */
  holdOff(host: string, ms: number): void {
    const { log } = this.#stateOf(host);
    const now = Date.now();
    const { sent, notBefore } = log.read(now - this.#options.windowMs, now);
    log.write({ sent, notBefore: Math.max(notBefore, now + ms) });
  }

  /** Returns 0 and counts the request if it may be sent; else the time in ms after which to check again. */
  #waitOf(host: string, log: RequestLog): number {
    const { requests, windowMs } = this.#options;
    const now = Date.now();
    const { sent, notBefore } = log.read(now - windowMs - UNDER_WAY_MS, now);
    const asked = notBefore - now;
    if (asked > SHORT_WAIT_MS) {
      const text = `${host} asked for no requests during the next ${Math.ceil(asked / 1_000)} s.`;
      throw new ReigniteError('RATE_LIMITED', text, { retryAfterMs: asked });
    }
    if (asked > 0) return asked;
    const oldest = sent.at(-requests);
    if (oldest !== undefined) return oldest + windowMs + UNDER_WAY_MS - now;
    log.write({ sent: [...sent, now], notBefore });
    // The time of sending counts, and on a busy disk writing the log took a while.
    if (Date.now() > now) log.write({ sent: [...sent, Date.now()], notBefore });
    return 0;
  }

  #stateOf(host: string): { log: RequestLog; open: number } {
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    const name = `${host.replaceAll(/[^A-Za-z0-9.-]+/g, '_')}.json`;
    const made = { log: new RequestLog(join(this.#options.folder, name)), open: 0 };
    this.#hosts.set(host, made);
    return made;
  }
}
