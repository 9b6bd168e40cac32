import { halfToNumber } from './half-float.js';
import { narrow } from './text-literals.js';
/** Bytes of an element, of the types that are read. */
export const ITEM_BYTES = new Map([
    ['b1', 1],
    ['i1', 1],
    ['u1', 1],
    ['i2', 2],
    ['u2', 2],
    ['f2', 2],
    ['i4', 4],
    ['u4', 4],
    ['f4', 4],
    ['i8', 8],
    ['u8', 8],
    ['f8', 8],
]);
/** Elements of an array from its bytes; float16 is widened to float32. */
export function decodeNumpy(type, bytes, context) {
    const size = ITEM_BYTES.get(type.code);
    if (size === undefined || !type.simple) {
        throw context.unsupported(`it holds an array of numpy type ${type.code}${type.simple ? '' : ' (structured)'}`);
    }
    if (bytes.byteLength % size !== 0)
        throw context.corrupt(`${bytes.byteLength} bytes are no array of ${type.code}`);
    context.chargeBytes(bytes.byteLength);
    return typedArray(type.code, nativeCopy(bytes, size, type.littleEndian));
}
/** The value of a numpy scalar. */
export function numpyScalar(type, bytes, context) {
    const data = decodeNumpy(type, bytes, context);
    const [value] = data;
    if (data.length !== 1 || (typeof value !== 'number' && typeof value !== 'bigint')) {
        throw context.corrupt(`a numpy scalar of type ${type.code} has ${bytes.byteLength} bytes`);
    }
    if (type.code === 'b1')
        return value !== 0;
    return typeof value === 'bigint' ? narrow(value) : value;
}
/** The elements of an array in Fortran order, in row-major order. */
export function inRowMajorOrder(data, shape, context) {
    if (shape.length < 2)
        return data;
    const sources = rowMajorSources(shape, data.length, context);
    if (Array.isArray(data))
        return Array.from(sources, (source) => data[source] ?? null);
    const copy = data.slice();
    sources.forEach((source, index) => {
        copy[index] = data[source] ?? 0;
    });
    return copy;
}
/** For each place in row-major order, the place in Fortran order. */
function rowMajorSources(shape, count, context) {
    context.chargeBytes(12 * count);
    const sources = new Uint32Array(count);
    const position = shape.map(() => 0);
    for (let index = 0; index < count; index++) {
        let source = 0;
        for (let axis = shape.length - 1; axis >= 0; axis--)
            source = source * (shape[axis] ?? 0) + (position[axis] ?? 0);
        sources[index] = source;
        advance(position, shape);
    }
    return sources;
}
/** Moves to the next place in row-major order. */
function advance(position, shape) {
    for (let axis = shape.length - 1; axis >= 0; axis--) {
        const next = (position[axis] ?? 0) + 1;
        if (next < (shape[axis] ?? 0)) {
            position[axis] = next;
            return;
        }
        position[axis] = 0;
    }
}
/** A copy that begins at an aligned place and has the byte order of the machine (little-endian). */
function nativeCopy(bytes, size, littleEndian) {
    const copy = new Uint8Array(bytes);
    const swapped = Buffer.from(copy.buffer);
    if (!littleEndian && size === 2)
        swapped.swap16();
    if (!littleEndian && size === 4)
        swapped.swap32();
    if (!littleEndian && size === 8)
        swapped.swap64();
    return copy.buffer;
}
function typedArray(code, buffer) {
    switch (code) {
        case 'f2':
            return Float32Array.from(new Uint16Array(buffer), halfToNumber);
        case 'f4':
            return new Float32Array(buffer);
        case 'f8':
            return new Float64Array(buffer);
        case 'i1':
            return new Int8Array(buffer);
        case 'i2':
            return new Int16Array(buffer);
        case 'i4':
            return new Int32Array(buffer);
        case 'i8':
            return new BigInt64Array(buffer);
        case 'u2':
            return new Uint16Array(buffer);
        case 'u4':
            return new Uint32Array(buffer);
        case 'u8':
            return new BigUint64Array(buffer);
        default:
            return new Uint8Array(buffer);
    }
}
