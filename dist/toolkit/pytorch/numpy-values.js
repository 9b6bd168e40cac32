import { LIMITS } from './limits.js';
import { decodeNumpy, ITEM_BYTES, inRowMajorOrder, numpyScalar } from './numpy-data.js';
import { latin1Bytes } from './text-literals.js';
import { describe, isPickleObject, } from './value.js';
/** `numpy.dtype('f8', False, True)`; the byte order follows with BUILD. */
const dtype = ([code]) => {
    if (typeof code !== 'string')
        return undefined;
    return { kind: 'dtype', code: code.replace(/^[<>=|]/, ''), littleEndian: !code.startsWith('>'), simple: true };
};
/** `scalar(dtype, bytes)`: a number, a boolean, or a bigint beyond 2^53. Scalars of other types stay inert. */
const scalar = ([type, content], context) => {
    if (!isDType(type) || !ITEM_BYTES.has(type.code))
        return undefined;
    return numpyScalar(type, bytesOf(content, context), context);
};
/** An array that BUILD is to fill; of a subclass of ndarray it stays inert. */
const reconstruct = ([type]) => {
    if (!isPickleObject(type) || type.kind !== 'global')
        return undefined;
    if (type.module !== 'numpy' || type.name !== 'ndarray')
        return undefined;
    return { kind: 'array', code: 'i1', shape: [0], data: new Int8Array(0) };
};
/** How protocol 5 writes arrays: `_frombuffer(bytes, dtype, shape, order)`. */
const fromBuffer = ([content, type, shape, order], context) => {
    if (!isDType(type))
        throw context.unsupported(`an array is of ${describe(type)}`);
    return arrayOf(type, shapeOf(shape, context), content, order === 'F', context);
};
/** The calls numpy pickles with, under their names before and since version 2. */
export const NUMPY_CALLS = {
    'numpy dtype': dtype,
    'numpy.core.multiarray scalar': scalar,
    'numpy._core.multiarray scalar': scalar,
    'numpy.core.multiarray _reconstruct': reconstruct,
    'numpy._core.multiarray _reconstruct': reconstruct,
    'numpy.core.numeric _frombuffer': fromBuffer,
    'numpy._core.numeric _frombuffer': fromBuffer,
};
/** The state of a dtype: (version, byte order, sub-array, names, fields, size, alignment, flags). */
export function buildDType(target, state, context) {
    const [, order, subArray, names] = tupleOf(state, context);
    if (order !== '<' && order !== '>' && order !== '|' && order !== '=') {
        throw context.corrupt(`a numpy dtype has the byte order ${describe(order)}`);
    }
    target.littleEndian = order !== '>';
    target.simple = subArray === null && names === null;
}
/** The state of an array: (version, shape, dtype, is Fortran order, content). */
export function buildArray(target, state, context) {
    const [shape, type, isFortran, content] = tupleOf(state, context).slice(-4);
    if (!isDType(type))
        throw context.corrupt(`an array is of ${describe(type)}`);
    const made = arrayOf(type, shapeOf(shape, context), content, isFortran === true || isFortran === 1, context);
    target.code = made.code;
    target.shape = made.shape;
    target.data = made.data;
}
function arrayOf(type, shape, content, isFortran, context) {
    const data = dataOf(type, content, context);
    const count = shape.reduce((product, length) => product * BigInt(length), 1n);
    if (count !== BigInt(data.length)) {
        throw context.corrupt(`an array of shape [${shape.join(', ')}] has ${data.length} elements`);
    }
    const code = isObject(type) ? 'O' : type.code;
    return { kind: 'array', code, shape, data: isFortran ? inRowMajorOrder(data, shape, context) : data };
}
function dataOf(type, content, context) {
    if (!isObject(type))
        return decodeNumpy(type, bytesOf(content, context), context);
    if (!isPickleObject(content) || content.kind !== 'list')
        throw context.corrupt('an array of objects has no list');
    context.chargeObjects(content.items.length);
    return content.items.slice();
}
/** NumPy writes `O8`: the size of a pointer. */
function isObject(type) {
    return type.simple && /^O\d*$/.test(type.code);
}
function shapeOf(value, context) {
    const lengths = typeof value === 'number' ? [value] : tupleOf(value, context);
    if (lengths.length > LIMITS.axes)
        throw context.corrupt('an array has too many axes');
    return lengths.map((length) => {
        if (typeof length === 'number' && Number.isSafeInteger(length) && length >= 0)
            return length;
        throw context.corrupt(`an array has ${describe(length)} as the length of an axis`);
    });
}
/** Bytes, or the text that Python 2 wrote in their place. */
function bytesOf(value, context) {
    if (value instanceof Uint8Array)
        return value;
    if (typeof value === 'string')
        return latin1Bytes(value, context);
    throw context.corrupt(`numpy's content is ${describe(value)}`);
}
function tupleOf(value, context) {
    if (isPickleObject(value) && (value.kind === 'tuple' || value.kind === 'list'))
        return value.items;
    throw context.corrupt(`numpy's description is ${describe(value)}`);
}
function isDType(value) {
    return isPickleObject(value) && value.kind === 'dtype';
}
