/**
 * Builds, writes, reads and describes ONNX graphs without Python.
 *
 * @example
 * import { describeModel } from 'reignite/onnx';
 * const { inputs, outputs } = describeModel('model.onnx');
 *
 * @module
 */
export { type DescribedModel, describeModel } from '../toolkit/onnx/file/describe-model.ts';
export { encodeModel, readModel, type WrittenModel, writeModel } from '../toolkit/onnx/file/model-file.ts';
export type { GraphNode, GraphTensor, OnnxGraph } from '../toolkit/onnx/graph/graph.ts';
export { GraphBuilder, type Value } from '../toolkit/onnx/graph/graph.ts';
export * as operators from '../toolkit/onnx/graph/operators.ts';
