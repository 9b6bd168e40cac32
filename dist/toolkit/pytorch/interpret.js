import { describeGlobal } from './global-verdict.js';
import { NUMPY_CALLS } from './numpy-values.js';
import { PYTHON_CLASSES, PYTHON_FUNCTIONS } from './python-values.js';
import { TORCH_CALLS } from './torch-values.js';
const FUNCTIONS = new Map([
    ...Object.entries(PYTHON_CLASSES),
    ...Object.entries(PYTHON_FUNCTIONS),
    ...Object.entries(NUMPY_CALLS),
    ...Object.entries(TORCH_CALLS),
]);
const CLASSES = new Map(Object.entries(PYTHON_CLASSES));
/** What REDUCE with one of the known names stands for. */
export function interpretCall(callable, args, context) {
    return interpret(FUNCTIONS, callable, args, context);
}
/** What a new instance of one of the known classes stands for. */
export function interpretNew(callable, args, context) {
    return interpret(CLASSES, callable, args, context);
}
function interpret(table, callable, args, context) {
    if (callable.kind !== 'global')
        return undefined;
    return table.get(describeGlobal(callable.module, callable.name))?.(args, context);
}
