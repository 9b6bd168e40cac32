import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { Agent, buildConnector, type Dispatcher, EnvHttpProxyAgent, Pool, request } from 'undici';
import { withStallLimit } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { codeOf } from '../../files/file-access.ts';
import { defaultUserAgent, retryAfterMs } from './http-headers.ts';
import type { HostRateLimiter } from './rate-limiter.ts';

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

/** A reply whose body has not been read yet. */
export interface HttpReply {
  readonly status: number;
  /** Returns the value of a header (name in lower case), the first one if it occurs several times. */
  readonly header: (name: string) => string | undefined;
  readonly body: Readable;
  /** Address of the reply, after redirects. */
  readonly url: string;
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
