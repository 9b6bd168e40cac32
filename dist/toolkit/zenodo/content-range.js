/** Reads `bytes 0-99/1000` or `bytes 0-99/*`; undefined for anything else, `bytes * /1000` of a 416 included. */
export function parseContentRange(value) {
    const match = /^bytes\s+(\d+)-(\d+)\/(\d+|\*)$/i.exec(value?.trim() ?? '');
    if (match === null)
        return undefined;
    const [, start, end, total] = match;
    const range = { start: Number(start), end: Number(end), total: total === '*' ? undefined : Number(total) };
    return range.end >= range.start ? range : undefined;
}
