import { interpretCall, interpretNew } from './interpret.ts';
import { buildArray, buildDType } from './numpy-values.ts';
import type { PickleContext } from './pickle-context.ts';
import { isGetattr, type OpcodeTable, type PickleMachine } from './pickle-machine.ts';
import { decodeUtf8 } from './text-literals.ts';
import {
  describe,
  isPickleObject,
  type Mutable,
  type PickleDict,
  type PickleGlobal,
  type PickleReduced,
  type PickleValue,
} from './value.ts';

/** Applies the state of BUILD to an object: kept as data, or interpreted for an object of numpy. */
function build(target: PickleValue, state: PickleValue, context: PickleContext): void {
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

/** Opcodes for names, calls, states and persistent ids. No name is looked up and nothing is called. */
export const OBJECT_OPCODES: OpcodeTable = {
  // GLOBAL, STACK_GLOBAL
  c: (machine) => machine.pushNew(globalFromLines(machine)),
  '\x93': (machine) => {
    const name = machine.pop();
    const module = machine.pop();
    if (typeof module !== 'string' || typeof name !== 'string') {
      throw machine.context.corrupt(`the name at byte ${machine.opcodeAt} is not a text`);
    }
    machine.pushNew(named(machine, module, name));
  },
  // REDUCE, NEWOBJ, NEWOBJ_EX, INST, OBJ
  R: (machine) => {
    const args = machine.popKind('tuple').items;
    const callable = machine.popKind('global', 'reduced');
    machine.methods.refuseCallOfMethod(callable, machine.opcodeAt);
    machine.methods.call(callable, args);
    machine.pushNew(interpretCall(callable, args, machine.context) ?? inert(callable, args));
  },
  '\x81': (machine) => {
    const args = machine.popKind('tuple').items;
    pushInstance(machine, machine.popKind('global', 'reduced'), args);
  },
  '\x92': (machine) => {
    const kwargs = machine.popKind('dict');
    const args = machine.popKind('tuple').items;
    const callable = machine.popKind('global', 'reduced');
    machine.methods.refuseCallOfMethod(callable, machine.opcodeAt);
    machine.pushNew(inert(callable, args, kwargs));
  },
  i: (machine) => {
    const callable = globalFromLines(machine);
    pushInstance(machine, callable, machine.popToMark());
  },
  o: (machine) => {
    const [callable, ...args] = machine.popToMark();
    if (!isPickleObject(callable) || (callable.kind !== 'global' && callable.kind !== 'reduced')) {
      throw machine.context.corrupt(`an object is made of ${describe(callable)}`);
    }
    pushInstance(machine, callable, args);
  },
  // BUILD
  b: (machine) => {
    const state = machine.pop();
    build(machine.top(), state, machine.context);
  },
  // PERSID, BINPERSID
  P: (machine) => machine.pushNew(machine.persistentLoad(decodeUtf8(machine.reader.line(), machine.context))),
  Q: (machine) => machine.pushNew(machine.persistentLoad(machine.pop())),
};

function pushInstance(machine: PickleMachine, callable: PickleGlobal | PickleReduced, args: readonly PickleValue[]) {
  machine.methods.refuseCallOfMethod(callable, machine.opcodeAt);
  machine.pushNew(interpretNew(callable, args, machine.context) ?? inert(callable, args));
}

function globalFromLines(machine: PickleMachine): PickleGlobal {
  const module = decodeUtf8(machine.reader.line(), machine.context);
  const name = decodeUtf8(machine.reader.line(), machine.context);
  return named(machine, module, name);
}

function named(machine: PickleMachine, module: string, name: string): PickleGlobal {
  if (isGetattr(module, name)) machine.methods.begin(module, machine.opcodeAt);
  else machine.context.recordGlobal(module, name, machine.opcodeAt);
  return { kind: 'global', module, name };
}

function inert(
  callable: PickleGlobal | PickleReduced,
  args: readonly PickleValue[],
  kwargs?: PickleDict,
): PickleReduced {
  return { kind: 'reduced', callable, args, kwargs, state: undefined, appended: undefined, entries: undefined };
}
