import { LIMITS } from './limits.ts';
import type { PickleContext } from './pickle-context.ts';
import { isPickleObject, type PickleObject, type PickleValue } from './value.ts';

interface Frame {
  readonly node: PickleObject;
  readonly children: readonly PickleObject[];
  next: number;
  /** Longest path down found so far. */
  height: number;
}

/**
 * Refuses values that are nested deeper than the limit, so that code that walks them may recurse. For a value that
 * contains itself, the depth ends at the repetition.
 */
export function checkNesting(root: PickleValue, context: PickleContext): void {
  if (!isPickleObject(root)) return;
  const heights = new Map<PickleObject, number>([[root, 0]]);
  const path: Frame[] = [frame(root)];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const child = top.children[top.next++];
    if (child === undefined) leave(path, heights);
    else {
      const height = heights.get(child);
      if (height === undefined) {
        heights.set(child, 0);
        path.push(frame(child));
      } else top.height = Math.max(top.height, height + 1);
    }
    if (path.length > LIMITS.depth || top.height > LIMITS.depth) {
      throw context.unsupported(`its values nest deeper than ${LIMITS.depth}`);
    }
  }
}

function leave(path: Frame[], heights: Map<PickleObject, number>): void {
  const done = path.pop();
  if (done === undefined) return;
  heights.set(done.node, done.height);
  const parent = path.at(-1);
  if (parent !== undefined) parent.height = Math.max(parent.height, done.height + 1);
}

function frame(node: PickleObject): Frame {
  const children: PickleObject[] = [];
  for (const value of valuesWithin(node)) if (isPickleObject(value)) children.push(value);
  return { node, children, next: 0, height: 0 };
}

function* valuesWithin(node: PickleObject): Iterable<PickleValue | undefined> {
  switch (node.kind) {
    case 'list':
    case 'tuple':
    case 'set':
      yield* node.items;
      break;
    case 'dict':
      yield* node.entries.keys();
      yield* node.entries.values();
      yield node.attributes;
      break;
    case 'reduced':
      yield* [node.callable, node.kwargs, node.state];
      yield* node.args;
      yield* node.appended ?? [];
      yield* node.entries?.keys() ?? [];
      yield* node.entries?.values() ?? [];
      break;
    case 'persistent':
      yield node.id;
      break;
    case 'array':
      if (node.code === 'O') yield* node.data;
      break;
    default:
  }
}
