import { packageVersion } from '../../../config/package-files.ts';

/** Bytes `start` to `end` of a file, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * What a Range header asks of a file of `size` bytes: one range, `'unsatisfiable'` when it has none of those bytes,
 * undefined when the whole file is to be sent (no header, several ranges, or one that is not understood).
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

/** What a 206 brings: bytes `start` to `end`, both included, of `total` (undefined where the server does not know). */
export interface ContentRange {
  readonly start: number;
  readonly end: number;
  readonly total: number | undefined;
}

/** Reads `bytes 0-99/1000` or `bytes 0-99/*`; undefined for anything else, `bytes * /1000` of a 416 included. */
export function parseContentRange(value: string | undefined): ContentRange | undefined {
  const match = /^bytes\s+(\d+)-(\d+)\/(\d+|\*)$/i.exec(value?.trim() ?? '');
  if (match === null) return undefined;
  const [, start, end, total] = match;
  const range = { start: Number(start), end: Number(end), total: total === '*' ? undefined : Number(total) };
  return range.end >= range.start ? range : undefined;
}

/**
 * How this client names itself: `name/version (+url)`, the form that Zenodo's support asks for.
 * Clients without an identifying name are throttled or refused there.
 */
export function defaultUserAgent(): string {
  return `reignite/${packageVersion()} (TypeScript; +https://zenodo.org/records/15674785)`;
}

/** Names the personal token that is sent to the record's API: for records that are not public, and a higher rate. */
export const TOKEN_VARIABLE = 'ZENODO_TOKEN';

/**
 * The token of the environment, if `url` is at the API's own host: a record may link to files anywhere, and no other
 * host must see it.
 */
export function tokenFor(url: string, api: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const token = environment[TOKEN_VARIABLE]?.trim();
  if (!token || !URL.canParse(url) || !URL.canParse(api)) return undefined;
  return new URL(url).origin === new URL(api).origin ? token : undefined;
}
