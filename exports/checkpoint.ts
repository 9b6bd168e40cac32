/**
 * Reads PyTorch checkpoints as data: nothing in them is executed.
 *
 * @example
 * import { listTensors, openCheckpoint } from 'reignite/checkpoint';
 * const checkpoint = await openCheckpoint('best.pt');
 * for (const { name, shape } of listTensors(checkpoint.root)) console.log(name, shape);
 *
 * @module
 */
export { type Checkpoint, type OpenOptions, openCheckpoint } from '../toolkit/pytorch/checkpoint.ts';
export { type GlobalVerdict, type SeenGlobal, verdictOn } from '../toolkit/pytorch/global-verdict.ts';
export { type ListedTensor, listTensors } from '../toolkit/pytorch/list-tensors.ts';
export { readPickleFile } from '../toolkit/pytorch/pickle-file.ts';
export type { DType, TensorRef } from '../toolkit/pytorch/tensor.ts';
export { spanOf, toFloat32 } from '../toolkit/pytorch/tensor-elements.ts';
export type { PickleValue } from '../toolkit/pytorch/value.ts';
export { type TreeNode, treeLines, valueTree } from '../toolkit/pytorch/value-tree.ts';
