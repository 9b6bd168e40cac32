/** A number for a sentence: two significant digits, and a plain 0 where it is none. */
export function shortNumber(value) {
    return value === 0 ? '0' : value.toPrecision(2);
}
