/**
 * Reads PyTorch checkpoints as data, without executing anything in them.
 *
 * @example
 * import { listTensors, openCheckpoint } from 'reignite/checkpoint';
 * const checkpoint = await openCheckpoint('best.pt');
 * for (const { name, shape } of listTensors(checkpoint.root)) console.log(name, shape);
 *
 * @module
 */
export {
  type Checkpoint,
  type OpenOptions,
  openCheckpoint,
  readPickleFile,
} from '../toolkit/pytorch/containers/checkpoint.ts';
export { classifyGlobal, type GlobalRisk, type SeenGlobal } from '../toolkit/pytorch/pickle/pickle-context.ts';
export type { PickleValue } from '../toolkit/pytorch/pickle/value.ts';
export {
  type ListedTensor,
  listTensors,
  type TreeNode,
  treeLines,
  valueTree,
} from '../toolkit/pytorch/pickle/value-tree.ts';
export type { DType, TensorRef } from '../toolkit/pytorch/tensors/tensor.ts';
export { spanOf, toFloat32 } from '../toolkit/pytorch/tensors/tensor.ts';
