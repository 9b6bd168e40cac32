import type { DType, TensorRef } from '../tensors/tensor.ts';
import { describe, isPickleObject, type PickleValue } from './value.ts';

/** A value of a checkpoint with its children. */
export interface TreeNode {
  readonly key: string;
  readonly what: string;
  readonly children: readonly TreeNode[];
  /** Number of children that were left out. */
  readonly more: number;
}

export interface TreeLimits {
  /** Levels of nested containers. */
  readonly depth: number;
  /** Children per value. */
  readonly width: number;
  /** Total number of nodes. */
  readonly nodes: number;
}

const USUAL: TreeLimits = { depth: 8, width: 64, nodes: 20_000 };

/**
 * Summarises a checkpoint as a tree of keys, kinds and shapes. A shared value is expanded only at its first occurrence.
 *
 * @param root - May contain itself.
 * @example
 * for (const line of treeLines(valueTree(checkpoint.root))) console.log(line);
 */
export function valueTree(root: PickleValue, limits: TreeLimits = USUAL): TreeNode {
  const seen = new Set<PickleValue>();
  let nodes = 0;
  const grow = (key: string, value: PickleValue | undefined, depth: number): TreeNode => {
    nodes++;
    const what = describeValue(value);
    if (value === undefined || !isPickleObject(value)) return { key, what, children: [], more: 0 };
    if (seen.has(value)) return { key, what: `${what}, as above`, children: [], more: 0 };
    seen.add(value);
    const inner = childrenOf(value);
    const room = depth >= limits.depth || nodes >= limits.nodes ? 0 : limits.width;
    const children = inner.slice(0, room).map(([name, child]) => grow(name, child, depth + 1));
    return { key, what, children, more: inner.length - children.length };
  };
  return grow('', root, 0);
}

type Child = readonly [key: string, value: PickleValue | undefined];

function childrenOf(value: Extract<PickleValue, { kind: string }>): readonly Child[] {
  const byPlace = (items: Iterable<PickleValue>): Child[] => [...items].map((item, at) => [String(at), item]);
  const byKey = (entries: Iterable<[PickleValue, PickleValue]>): Child[] =>
    [...entries].map(([key, item]) => [typeof key === 'object' ? describe(key) : String(key), item]);
  switch (value.kind) {
    case 'dict':
      return byKey(value.entries);
    case 'list':
    case 'tuple':
    case 'set':
      return byPlace(value.items);
    case 'reduced': {
      const { state } = value;
      const ofState: Child[] =
        isPickleObject(state) && state.kind === 'dict'
          ? byKey(state.entries)
          : state === undefined || state === null
            ? []
            : [['state', state]];
      const args: Child[] = value.args.map((item, at) => [`argument ${at}`, item]);
      return [...args, ...ofState, ...byPlace(value.appended ?? []), ...byKey(value.entries ?? new Map())];
    }
    default:
      return [];
  }
}

function describeValue(value: PickleValue | undefined): string {
  if (!isPickleObject(value)) return describe(value);
  if (value.kind === 'tensor') return `tensor ${value.dtype} [${value.shape.join(', ')}]`;
  if (value.kind === 'array') return `array ${value.code} [${value.shape.join(', ')}]`;
  if (value.kind === 'dict') return `dict of ${value.entries.size}`;
  if (value.kind === 'list' || value.kind === 'tuple') return `${value.kind} of ${value.items.length}`;
  return describe(value);
}

/** Formats a tree as indented lines. @example console.log(treeLines(valueTree(checkpoint.root)).join('\n')) */
export function treeLines({ key, what, children, more }: TreeNode, indent = ''): string[] {
  const own = key === '' ? what : `${key}: ${what}`;
  const rest = more === 0 ? [] : [`${indent}  ... ${more} more`];
  return [`${indent}${own}`, ...children.flatMap((child) => treeLines(child, `${indent}  `)), ...rest];
}

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
    else open.push(...heldBy(name, value).reverse());
  }
  return found;
}

function listed(name: string, { dtype, shape }: TensorRef): ListedTensor {
  return { name, dtype, shape };
}

function heldBy(
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
