import { pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { type ErrorCode, ReigniteError } from '../../errors.ts';
import type { HttpReply } from './http.ts';

/** Upper limit of the wait that a server can ask for, ms. */
const MAX_WAIT_MS = 3_600_000;

/**
 * Converts an HTTP status to an error.
 *
 * @param reply - A reply with a status that the caller did not expect.
 * @param gone - Error code for 404 and 410.
 */
export function refusalOf(reply: HttpReply, gone: ErrorCode): ReigniteError {
  const { status, url } = reply;
  if (status === 404 || status === 410) return new ReigniteError(gone, `${url} does not exist (HTTP ${status}).`);
  if (status === 401 || status === 403) {
    return new ReigniteError('ACCESS_DENIED', `${url} refuses access (HTTP ${status}).`);
  }
  if (status === 429 || status === 503) {
    const wait = retryAfterMs(reply, Date.now());
    return new ReigniteError('RATE_LIMITED', `${url} asks to slow down (HTTP ${status}).`, {
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    });
  }
  if (status === 408 || status >= 500) return new ReigniteError('NETWORK', `${url} failed (HTTP ${status}).`);
  return new ReigniteError('RECORD_INVALID', `${url} answered with HTTP ${status}.`);
}

/**
 * Returns how long the server asks to wait, in ms: the longer of Retry-After (seconds or a date) and X-RateLimit-Reset
 * (epoch seconds). Use it only for 429 and 503, because Zenodo also sends Retry-After with successful replies.
 */
export function retryAfterMs(reply: Pick<HttpReply, 'header'>, now: number): number | undefined {
  const waits = [fromRetryAfter(reply.header('retry-after'), now), fromReset(reply.header('x-ratelimit-reset'), now)];
  const known = waits.filter((wait) => wait !== undefined);
  return known.length === 0 ? undefined : Math.min(Math.max(0, ...known), MAX_WAIT_MS);
}

function fromRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : date - now;
}

function fromReset(value: string | undefined, now: number): number | undefined {
  return value !== undefined && /^\d+$/.test(value.trim()) ? Number(value) * 1000 - now : undefined;
}

const DECODERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

/** Returns the content encodings of a reply in the order in which they were applied; empty if there are none. */
export function contentCodings(reply: Pick<HttpReply, 'header'>): readonly string[] {
  const names = (reply.header('content-encoding') ?? '').split(',').map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== '' && name !== 'identity');
}

/**
 * Decodes the content encodings that a server applied although `identity` was requested (nginx does so for some types).
 * Errors of the body are passed on.
 *
 * @throws ReigniteError NETWORK for an unknown encoding.
 */
export function decodeBody(reply: HttpReply, codings: readonly string[]): Readable {
  let stream = reply.body;
  for (const name of codings.toReversed()) {
    const decoder = DECODERS.get(name);
    if (decoder === undefined)
      throw new ReigniteError('NETWORK', `${reply.url} answered with an unsupported content encoding, "${name}".`);
    // Nothing to do here: the error reaches the reader of the last stream.
    stream = pipeline(stream, decoder(), () => {});
  }
  return stream;
}
