/** Bytes an element takes in a storage. */
export const ELEMENT_BYTES = {
    float32: 4,
    float16: 2,
    bfloat16: 2,
    float64: 8,
    int64: 8,
    int32: 4,
    int16: 2,
    int8: 1,
    uint8: 1,
    bool: 1,
};
/** Bytes of what a storage counts: its elements, or single bytes where it is untyped. */
export function storageElementBytes(dtype) {
    return dtype === 'bytes' ? 1 : ELEMENT_BYTES[dtype];
}
/** Number of elements of a shape; 1 for a scalar's empty shape. */
export function elementCount(shape) {
    return shape.reduce((count, length) => count * length, 1);
}
