import type { DType } from './tensor.ts';

/** Element types of the supported storage classes of PyTorch. */
const STORAGE_DTYPES: ReadonlyMap<string, DType> = new Map([
  ['FloatStorage', 'float32'],
  ['HalfStorage', 'float16'],
  ['BFloat16Storage', 'bfloat16'],
  ['DoubleStorage', 'float64'],
  ['LongStorage', 'int64'],
  ['IntStorage', 'int32'],
  ['ShortStorage', 'int16'],
  ['CharStorage', 'int8'],
  ['ByteStorage', 'uint8'],
  ['BoolStorage', 'bool'],
]);

const STORAGE_MODULES: ReadonlySet<string> = new Set(['torch', 'torch.cuda', 'torch.storage']);

/** Names of the element types, `torch.float32` and so on, with their older aliases. */
const TORCH_DTYPES: ReadonlyMap<string, DType> = new Map([
  ['float32', 'float32'],
  ['float', 'float32'],
  ['float16', 'float16'],
  ['half', 'float16'],
  ['bfloat16', 'bfloat16'],
  ['float64', 'float64'],
  ['double', 'float64'],
  ['int64', 'int64'],
  ['long', 'int64'],
  ['int32', 'int32'],
  ['int', 'int32'],
  ['int16', 'int16'],
  ['short', 'int16'],
  ['int8', 'int8'],
  ['uint8', 'uint8'],
  ['bool', 'bool'],
]);

/** Returns the element type of a storage class, `bytes` for the untyped one, undefined for any other name. */
export function storageDType(module: string, name: string): DType | 'bytes' | undefined {
  if (!STORAGE_MODULES.has(module)) return undefined;
  return name === 'UntypedStorage' ? 'bytes' : STORAGE_DTYPES.get(name);
}

/** Returns whether a name is a supported storage class. */
export function isStorageClass(module: string, name: string): boolean {
  return storageDType(module, name) !== undefined;
}

/** Returns the element type of a name such as `torch.float32`, if it is supported. */
export function torchDType(module: string, name: string): DType | undefined {
  return module === 'torch' ? TORCH_DTYPES.get(name) : undefined;
}

/** Returns whether a name is a supported element type. */
export function isTorchDType(module: string, name: string): boolean {
  return torchDType(module, name) !== undefined;
}
