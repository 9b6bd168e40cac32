import { describeGlobal } from './global-verdict.ts';
import { NUMPY_CALLS } from './numpy-values.ts';
import type { PickleContext } from './pickle-context.ts';
import { PYTHON_CLASSES, PYTHON_FUNCTIONS } from './python-values.ts';
import { TORCH_CALLS } from './torch-values.ts';
import type { PickleGlobal, PickleReduced, PickleValue } from './value.ts';

/** Interprets a call as data; undefined if it has no special meaning and stays inert. */
export type ReduceHandler = (args: readonly PickleValue[], context: PickleContext) => PickleValue | undefined;

/** Handlers by the name of what is called, `module name`. */
export type InterpreterTable = Readonly<Record<string, ReduceHandler>>;

const FUNCTIONS: ReadonlyMap<string, ReduceHandler> = new Map([
  ...Object.entries(PYTHON_CLASSES),
  ...Object.entries(PYTHON_FUNCTIONS),
  ...Object.entries(NUMPY_CALLS),
  ...Object.entries(TORCH_CALLS),
]);

const CLASSES: ReadonlyMap<string, ReduceHandler> = new Map(Object.entries(PYTHON_CLASSES));

/** Returns the result of REDUCE with a known name. */
export function interpretCall(
  callable: PickleGlobal | PickleReduced,
  args: readonly PickleValue[],
  context: PickleContext,
): PickleValue | undefined {
  return interpret(FUNCTIONS, callable, args, context);
}

/** Returns a new instance of a known class. */
export function interpretNew(
  callable: PickleGlobal | PickleReduced,
  args: readonly PickleValue[],
  context: PickleContext,
): PickleValue | undefined {
  return interpret(CLASSES, callable, args, context);
}

function interpret(
  table: ReadonlyMap<string, ReduceHandler>,
  callable: PickleGlobal | PickleReduced,
  args: readonly PickleValue[],
  context: PickleContext,
): PickleValue | undefined {
  if (callable.kind !== 'global') return undefined;
  return table.get(describeGlobal(callable.module, callable.name))?.(args, context);
}
