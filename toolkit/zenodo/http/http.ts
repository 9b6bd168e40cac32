import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { Agent, buildConnector, type Dispatcher, EnvHttpProxyAgent, Pool, request } from 'undici';
import { withStallLimit } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { codeOf } from '../../files/disk-error.ts';
import { defaultUserAgent } from './http-headers.ts';
import { retryAfterMs } from './http-status.ts';
import type { HostRateLimiter } from './rate-limiter.ts';

/**
 * Limits the open sockets per host. A closing socket counts until it is fully closed, so
 * that its successor does not come before it has gone.
 *
 * @param most - Sockets to one host and port.
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
        // There is none after an error, whatever the types say.
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

/** One GET. Nothing is retried here: that is the caller's, who knows what is on disk. */
export interface HttpGet {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly userAgent?: string | undefined;
  /** Personal token; sent in a header, to the host of `url` alone. */
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Give up when the head of a reply takes longer, or its body pauses longer than this, in ms. Default 30 s. */
  readonly stallMs?: number | undefined;
  /** Limits the rate of requests. Default: no limit, as for our loopback server. */
  readonly rateLimiter?: HostRateLimiter | undefined;
}

/** Head of a reply, with its body still to be read. */
export interface HttpReply {
  readonly status: number;
  /** Value of a header (name in lower case); the first one where it came several times. */
  readonly header: (name: string) => string | undefined;
  readonly body: Readable;
  /** Where the reply came from, after redirects. */
  readonly url: string;
}

const DEFAULT_STALL_MS = 30_000;
const MAX_REDIRECTS = 5;
/** To one origin, idle ones that are kept for the next request included. */
const MAX_CONNECTIONS = 2;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Sends one GET, through the proxy of HTTPS_PROXY, HTTP_PROXY and NO_PROXY (never for this machine itself),
 * and follows redirects. The token stays behind when a redirect leads to another host.
 *
 * @throws ReigniteError NETWORK when there is no connection or no answer; the signal's reason when aborted.
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

/** Discards an unread body; its errors do not matter. */
export function discard(reply: HttpReply): void {
  reply.body.on('error', () => {});
  reply.body.destroy();
}

/** Turns what went wrong underneath into NETWORK; passes on our own errors, and the reason of an abort. */
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
  // Where a name has several addresses, the errors of all of them come wrapped in one without a message.
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
    // Only with a refusal is it meant: Zenodo sends Retry-After with successful replies too.
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
    // While a request waits for the proxy to open a tunnel, it ignores its signal and its own time limits.
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
 * A proxy that hangs up on the request for a tunnel is an error of the request like any other: undici takes it for a
 * connection that was lost by chance, and tries again without pause or end, also when the request was abandoned.
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
