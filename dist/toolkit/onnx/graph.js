/** Numbers of TensorProto.DataType in onnx.proto. */
export const ELEMENT_TYPES = { float32: 1, int64: 7 };
/** Bytes of one element. */
export const ELEMENT_BYTES = { float32: 4, int64: 8 };
/** Number of elements of a tensor of this shape. */
export function elementCount(shape) {
    return shape.reduce((product, axis) => product * axis, 1);
}
