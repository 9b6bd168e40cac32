import { pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { packageVersion } from '../../../config/package-files.ts';
import { type ErrorCode, ReigniteError } from '../../errors.ts';

/** Upper limit of the wait that a server can ask for, ms. */
const MAX_WAIT_MS = 3_600_000;

/** A reply whose body has not been read yet. */
export interface HttpReply {
  readonly status: number;
  /** Returns the value of a header (name in lower case), the first one if it occurs several times. */
  readonly header: (name: string) => string | undefined;
  readonly body: Readable;
  /** Address of the reply, after redirects. */
  readonly url: string;
}

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

/** Bytes `start` to `end` of a file, both inclusive. */
interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Parses a Range header for a file of `size` bytes. Returns one range; `'unsatisfiable'` if the file has none of these
 * bytes; undefined if the whole file is to be sent (no header, several ranges, or an invalid one).
 *
 * @see RFC 9110, section 14
 */
export function parseByteRange(value: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(value?.trim() ?? '');
  if (match === null) return undefined;
  const [, from = '', to = ''] = match;
  if (from === '' && to === '') return undefined;
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(from);
  if (to !== '' && Number(to) < start) return undefined;
  if (start >= size) return 'unsatisfiable';
  return { start, end: to === '' ? size - 1 : Math.min(Number(to), size - 1) };
}

/** Content of a 206 reply: bytes `start` to `end`, both inclusive, of `total` (undefined if unknown to the server). */
interface ContentRange {
  readonly start: number;
  readonly end: number;
  readonly total: number | undefined;
}

/** Parses `bytes 0-99/1000` or `bytes 0-99/*`. Returns undefined for anything else, such as the header of a 416. */
export function parseContentRange(value: string | undefined): ContentRange | undefined {
  const match = /^bytes\s+(\d+)-(\d+)\/(\d+|\*)$/i.exec(value?.trim() ?? '');
  if (match === null) return undefined;
  const [, start, end, total] = match;
  const range = { start: Number(start), end: Number(end), total: total === '*' ? undefined : Number(total) };
  return range.end >= range.start ? range : undefined;
}

/**
 * Returns the user agent in the form `name/version (+url)`, which Zenodo's support asks for. Zenodo throttles or refuses
 * clients that do not identify themselves.
 */
export function defaultUserAgent(): string {
  return `reignite/${packageVersion()} (TypeScript; +https://zenodo.org/records/15674785)`;
}

/** Environment variable with a personal token for the record's API: for records that are not public, and a higher rate. */
export const TOKEN_VARIABLE = 'ZENODO_TOKEN';

/**
 * Returns the token from the environment if `url` is on the host of the API. A record may link to files anywhere, and no
 * other host may see the token.
 */
export function tokenFor(url: string, api: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const token = environment[TOKEN_VARIABLE]?.trim();
  if (!token || !URL.canParse(url) || !URL.canParse(api)) return undefined;
  return new URL(url).origin === new URL(api).origin ? token : undefined;
}
