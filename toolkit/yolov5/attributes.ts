import type { Pair } from '../onnx/operators.ts';
import { asInteger, asNumber, asTuple, dictGet, type Located, refusal } from '../pytorch/access.ts';
import { isPickleObject } from '../pytorch/value.ts';
import type { ModuleNode } from './module-tree.ts';

/** No attribute of a layer that is read comes near it, and no product of a few overflows. */
const MOST = 65_536;

/** An attribute of a module. */
export function attribute({ attributes }: ModuleNode, name: string): Located {
  return dictGet(attributes, name);
}

/** A whole number from `least` to 65,536. */
export function integerAttribute(module: ModuleNode, name: string, least: number): number {
  return boundedInteger(attribute(module, name), least);
}

/** One number for both axes, or a tuple of height and width; each from `least` to 65,536. */
export function pairAttribute(module: ModuleNode, name: string, least: number): Pair {
  const located = attribute(module, name);
  if (!isPickleObject(located.value)) {
    const both = boundedInteger(located, least);
    return [both, both];
  }
  const [height, width, ...rest] = asTuple(located);
  if (height === undefined || width === undefined || rest.length > 0) throw refusal(located, 'a pair');
  return [boundedInteger(height, least), boundedInteger(width, least)];
}

/** A finite number that is not negative. */
export function positiveAttribute(module: ModuleNode, name: string): number {
  const located = attribute(module, name);
  const number = asNumber(located);
  if (Number.isFinite(number) && number >= 0) return number;
  throw refusal(located, 'a finite number from 0');
}

/** @throws ReigniteError CHECKPOINT_UNSUPPORTED unless the attribute has that very value; absent counts as `None`. */
export function requireAttribute(module: ModuleNode, name: string, expected: string | boolean | null): void {
  const located = attribute(module, name);
  if ((located.value ?? null) !== expected) throw refusal(located, String(expected ?? 'None'));
}

function boundedInteger(located: Located, least: number): number {
  const number = asInteger(located);
  if (number < least || number > MOST) throw refusal(located, `a number from ${least} to ${MOST}`);
  return number;
}
