import type { PickleContext } from './pickle-context.ts';
import type { PickleValue } from './value.ts';

/** Reads a call as data; undefined where it means nothing special, and the call stays inert. */
export type Interpreter = (args: readonly PickleValue[], context: PickleContext) => PickleValue | undefined;

/** Interpreters by the name of what is called, `module name`. */
export type InterpreterTable = Readonly<Record<string, Interpreter>>;
