import { buildArray, buildDType } from './numpy-values.js';
import { describe, isPickleObject } from './value.js';
/** Gives an object its state, as BUILD asks: kept as data, or read where the object is one of numpy's. */
export function build(target, state, context) {
    if (!isPickleObject(target))
        throw context.corrupt(`a state is given to ${describe(target)}`);
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
function keepState(target, state, context) {
    if (target.state !== undefined)
        throw context.unsupported(`a state is given twice to ${describe(target)}`);
    target.state = state;
}
function keepAttributes(target, state) {
    target.attributes = state;
}
