import { build } from './build-state.js';
import { interpretCall, interpretNew } from './interpret.js';
import { decodeUtf8 } from './text-literals.js';
import { describe, isPickleObject, } from './value.js';
/** Names, calls, states and persistent ids. No name is looked up and nothing is called. */
export const OBJECT_OPCODES = {
    // GLOBAL, STACK_GLOBAL
    c: (machine) => machine.pushNew(globalFromLines(machine)),
    '\x93': (machine) => {
        const name = machine.pop();
        const module = machine.pop();
        if (typeof module !== 'string' || typeof name !== 'string') {
            throw machine.context.corrupt(`the name at byte ${machine.opcodeAt} is no text`);
        }
        machine.pushNew(named(machine, module, name));
    },
    // REDUCE, NEWOBJ, NEWOBJ_EX, INST, OBJ
    R: (machine) => {
        const args = machine.popKind('tuple').items;
        const callable = machine.popKind('global', 'reduced');
        machine.pushNew(interpretCall(callable, args, machine.context) ?? inert(callable, args));
    },
    '\x81': (machine) => {
        const args = machine.popKind('tuple').items;
        pushInstance(machine, machine.popKind('global', 'reduced'), args);
    },
    '\x92': (machine) => {
        const kwargs = machine.popKind('dict');
        const args = machine.popKind('tuple').items;
        machine.pushNew(inert(machine.popKind('global', 'reduced'), args, kwargs));
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
function pushInstance(machine, callable, args) {
    machine.pushNew(interpretNew(callable, args, machine.context) ?? inert(callable, args));
}
function globalFromLines(machine) {
    const module = decodeUtf8(machine.reader.line(), machine.context);
    const name = decodeUtf8(machine.reader.line(), machine.context);
    return named(machine, module, name);
}
function named(machine, module, name) {
    machine.context.recordGlobal(module, name, machine.opcodeAt);
    return { kind: 'global', module, name };
}
function inert(callable, args, kwargs) {
    return { kind: 'reduced', callable, args, kwargs, state: undefined, appended: undefined, entries: undefined };
}
