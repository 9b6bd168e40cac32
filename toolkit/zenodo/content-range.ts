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
