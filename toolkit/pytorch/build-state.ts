import type { Mutable } from './mutable.ts';
import { buildArray, buildDType } from './numpy-values.ts';
import type { PickleContext } from './pickle-context.ts';
import { describe, isPickleObject, type PickleDict, type PickleReduced, type PickleValue } from './value.ts';

/** Gives an object its state, as BUILD asks: kept as data, or read where the object is one of numpy's. */
export function build(target: PickleValue, state: PickleValue, context: PickleContext): void {
  if (!isPickleObject(target)) throw context.corrupt(`a state is given to ${describe(target)}`);
  switch (target.kind) {
    case 'reduced':
      keepState(target, state, context);
      break;
    case 'dict':
      keepAttributes(target, state);
      break;
    case 'dtype':
      buildDType(target, state, context);
      break;
    case 'array':
      buildArray(target, state, context);
      break;
    default:
      throw context.unsupported(`a state is given to ${describe(target)}`);
  }
}

function keepState(target: Mutable<PickleReduced>, state: PickleValue, context: PickleContext): void {
  if (target.state !== undefined) throw context.unsupported(`a state is given twice to ${describe(target)}`);
  target.state = state;
}

function keepAttributes(target: Mutable<PickleDict>, state: PickleValue): void {
  target.attributes = state;
}
