/**
 * What a Range header asks of a file of `size` bytes: one range, `'unsatisfiable'` when it has none of those bytes,
 * undefined when the whole file is to be sent (no header, several ranges, or one that is not understood).
 *
 * @see RFC 9110, section 14
 */
export function parseByteRange(value, size) {
    const match = /^bytes=(\d*)-(\d*)$/.exec(value?.trim() ?? '');
    if (match === null)
        return undefined;
    const [, from = '', to = ''] = match;
    if (from === '' && to === '')
        return undefined;
    if (from === '') {
        const length = Math.min(Number(to), size);
        return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
    }
    const start = Number(from);
    if (to !== '' && Number(to) < start)
        return undefined;
    if (start >= size)
        return 'unsatisfiable';
    return { start, end: to === '' ? size - 1 : Math.min(Number(to), size - 1) };
}
