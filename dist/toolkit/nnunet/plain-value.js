import { isPickleObject } from '../pytorch/value.js';
/** Deeper than any field of a plans file that is read here. */
const DEPTH_LIMIT = 6;
/**
 * The part of a pickled value that JSON has words for, so that a schema can check it: dicts with text or number
 * keys become objects without a prototype, lists, tuples and numpy arrays become arrays. What is none of these,
 * or lies deeper than six levels, becomes undefined: the schema refuses it where it matters.
 */
export function plainValue(value, depth = 0) {
    if (typeof value === 'bigint')
        return Number(value);
    if (!isPickleObject(value))
        return value;
    if (depth >= DEPTH_LIMIT)
        return undefined;
    switch (value.kind) {
        case 'list':
        case 'tuple':
            return value.items.map((item) => plainValue(item, depth + 1));
        case 'dict':
            return plainDict(value.entries, depth);
        case 'array':
            return nested(Array.from(value.data).map((item) => plainValue(item, depth + 1)), value.shape);
        default:
            return undefined;
    }
}
function plainDict(entries, depth) {
    const plain = Object.create(null);
    for (const [key, value] of entries) {
        if (typeof key === 'string' || typeof key === 'number')
            plain[key] = plainValue(value, depth + 1);
    }
    return plain;
}
/** Arranges the elements of an array along its axes; a scalar array is its element. */
function nested(elements, shape) {
    const [length, ...inner] = shape;
    if (length === undefined)
        return elements[0];
    if (inner.length === 0)
        return elements;
    const step = inner.reduce((product, axis) => product * axis, 1);
    return Array.from({ length }, (_, k) => nested(elements.slice(k * step, (k + 1) * step), inner));
}
