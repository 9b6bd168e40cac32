/**
 * Builds, writes, reads and describes ONNX graphs without Python.
 *
 * @module
 */
export { type DescribedModel, describeModel } from '../toolkit/onnx/describe-model.ts';
export type { GraphNode, GraphTensor, OnnxGraph } from '../toolkit/onnx/graph.ts';
export { GraphBuilder, type Value } from '../toolkit/onnx/graph-builder.ts';
export * as operators from '../toolkit/onnx/operators.ts';
export { readModel } from '../toolkit/onnx/read-model.ts';
export { encodeModel, type WrittenModel, writeModel } from '../toolkit/onnx/write-model.ts';
