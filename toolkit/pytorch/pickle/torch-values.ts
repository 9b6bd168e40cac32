import { rebuildTensor } from '../tensors/rebuild-tensor.ts';
import type { TensorRef } from '../tensors/tensor.ts';
import { describeGlobal } from './global-verdict.ts';
import type { InterpreterTable, ReduceHandler } from './interpret.ts';
import type { PickleContext } from './pickle-context.ts';
import { describe, isPickleObject, type PickleValue } from './value.ts';

/** `(storage, offset, size, stride, requires_grad, backward_hooks, metadata)`, the last three optional. */
const tensor: ReduceHandler = ([storage, offset, size, stride, , , metadata], context) =>
  rebuildTensor({ storage, offset, size, stride, metadata, dtype: undefined }, context);

/** As above, with the element type before the metadata; for types without a storage class. */
const tensorOfDType: ReduceHandler = ([storage, offset, size, stride, , , dtype, metadata], context) =>
  rebuildTensor({ storage, offset, size, stride, metadata, dtype: dtype ?? null }, context);

/** A parameter is read as its tensor. */
const parameter: ReduceHandler = ([data], context) => tensorOf(data, context);

/** `(function, class, args, state)`, which is how tensors with Python attributes are written. Subclasses stay inert. */
const fromType: ReduceHandler = ([callable, type, args], context) => {
  if (!isPickleObject(callable) || callable.kind !== 'global' || !isPickleObject(type) || type.kind !== 'global') {
    return undefined;
  }
  const isPlain = PLAIN_TYPES.has(describeGlobal(type.module, type.name));
  const rebuild = REBUILDERS[describeGlobal(callable.module, callable.name)];
  if (!isPlain || rebuild === undefined || !isPickleObject(args) || args.kind !== 'tuple') return undefined;
  return rebuild(args.items, context);
};

/** A shape is read as a tuple. */
const size: ReduceHandler = ([items]) => (isPickleObject(items) && items.kind === 'tuple' ? items : undefined);

/** A device is read as its name, such as `cuda:0`. */
const device: ReduceHandler = ([type, index]) => {
  if (typeof type !== 'string') return undefined;
  return typeof index === 'number' ? `${type}:${index}` : type;
};

const PLAIN_TYPES: ReadonlySet<string> = new Set(['torch Tensor', 'torch.nn.parameter Parameter']);

const REBUILDERS: InterpreterTable = {
  'torch._utils _rebuild_tensor': tensor,
  'torch._utils _rebuild_tensor_v2': tensor,
  'torch._utils _rebuild_tensor_v3': tensorOfDType,
  'torch._utils _rebuild_parameter': parameter,
  'torch._utils _rebuild_parameter_with_state': parameter,
};

/** Calls in pickles that PyTorch writes. */
export const TORCH_CALLS: InterpreterTable = {
  ...REBUILDERS,
  'torch._tensor _rebuild_from_type_v2': fromType,
  'torch Size': size,
  'torch device': device,
};

function tensorOf(value: PickleValue | undefined, context: PickleContext): TensorRef {
  if (isPickleObject(value) && value.kind === 'tensor') return value;
  throw context.unsupported(`a parameter is made of ${describe(value)}`);
}
