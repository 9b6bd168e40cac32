import { packageVersion } from '../../../config/package-files.ts';

/** Bytes `start` to `end` of a file, both inclusive. */
export interface ByteRange {
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
export interface ContentRange {
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
