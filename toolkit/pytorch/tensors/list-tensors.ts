import { isPickleObject, type PickleValue } from '../pickle/value.ts';
import type { DType, TensorRef } from './tensor.ts';

/** A tensor of a checkpoint and the path of keys that leads to it. */
export interface ListedTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/**
 * Lists every tensor of a value once, in Python's iteration order.
 *
 * @param root - May contain itself.
 * @example
 * for (const { name, shape } of listTensors(checkpoint.root)) console.log(name, shape);
 */
export function listTensors(root: PickleValue): ListedTensor[] {
  const found: ListedTensor[] = [];
  const seen = new Set<PickleValue>();
  // An explicit stack instead of recursion, because a hostile file may be nested to any depth.
  const open: { name: string; value: PickleValue | undefined }[] = [{ name: '', value: root }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { name, value } = next;
    if (value === undefined || !isPickleObject(value) || seen.has(value)) continue;
    seen.add(value);
    if (value.kind === 'tensor') found.push(listed(name, value));
    else open.push(...childrenOf(name, value).reverse());
  }
  return found;
}

function listed(name: string, { dtype, shape }: TensorRef): ListedTensor {
  return { name, dtype, shape };
}

function childrenOf(
  name: string,
  value: Exclude<PickleValue, null | boolean | number | bigint | string | Uint8Array>,
): { name: string; value: PickleValue | undefined }[] {
  const under = (key: string) => (name === '' ? key : `${name}.${key}`);
  const entriesOf = (entries: Map<PickleValue, PickleValue>) =>
    [...entries].map(([key, inner]) => ({ name: under(typeof key === 'object' ? '?' : String(key)), value: inner }));
  const itemsOf = (items: Iterable<PickleValue>) =>
    [...items].map((inner, index) => ({ name: under(String(index)), value: inner }));
  switch (value.kind) {
    case 'dict':
      return entriesOf(value.entries);
    case 'list':
    case 'tuple':
    case 'set':
      return itemsOf(value.items);
    case 'reduced':
      return [
        ...itemsOf(value.args),
        { name, value: value.state },
        ...itemsOf(value.appended ?? []),
        ...entriesOf(value.entries ?? new Map()),
      ];
    default:
      return [];
  }
}
