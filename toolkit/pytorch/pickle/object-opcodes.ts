import { rebuildTensor } from '../tensors/rebuild-tensor.ts';
import type { TensorRef } from '../tensors/tensor.ts';
import { buildArray, buildDType, NUMPY_CALLS } from './numpy-values.ts';
import { decodeUtf8, latin1Bytes } from './pickle-bytes.ts';
import { describeGlobal, type InterpreterTable, type PickleContext, type ReduceHandler } from './pickle-context.ts';
import { isGetattr, type OpcodeTable, type PickleMachine } from './pickle-machine.ts';
import {
  describe,
  isPickleObject,
  type Mutable,
  type PickleDict,
  type PickleGlobal,
  type PickleReduced,
  type PickleValue,
} from './value.ts';
import { emptyDict, setEntries, setOf } from './value-opcodes.ts';

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

const LATIN1_NAMES: ReadonlySet<PickleValue | undefined> = new Set(['latin1', 'latin-1']);

/** OrderedDict: empty, or from a list of pairs, as Python 2 wrote it. */
const orderedDict: ReduceHandler = ([pairs, ...rest], context) => {
  if (rest.length > 0) return undefined;
  const dict = emptyDict();
  if (pairs === undefined) return dict;
  const items = itemsOf(pairs);
  if (items === undefined) return undefined;
  context.chargeObjects(items.length);
  for (const pair of items) {
    const entry = itemsOf(pair);
    if (entry?.length !== 2) throw context.corrupt('an OrderedDict is made of something else than pairs');
    setEntries(dict.entries, entry, context);
  }
  return dict;
};

/** defaultdict: the factory of missing entries is ignored, because nothing is ever called. */
const defaultDict: ReduceHandler = (args) => (args.length <= 1 ? emptyDict() : undefined);

const set: ReduceHandler = ([items, ...rest], context) => {
  if (rest.length > 0) return undefined;
  const members = items === undefined ? [] : itemsOf(items);
  if (members === undefined) return undefined;
  context.chargeObjects(members.length);
  return setOf(members, context);
};

/** bytes or bytearray. `bytearray(n)`, which only requests memory, stays inert. */
const bytes: ReduceHandler = ([content, encoding], context) => {
  if (content === undefined) return new Uint8Array(0);
  if (content instanceof Uint8Array && encoding === undefined) return content;
  if (typeof content === 'string' && LATIN1_NAMES.has(encoding)) return latin1Bytes(content, context);
  return undefined;
};

/** Protocols 0 to 2 write bytes with this call. */
const encode: ReduceHandler = ([text, encoding], context) =>
  typeof text === 'string' && LATIN1_NAMES.has(encoding) ? latin1Bytes(text, context) : undefined;

/** Classes of the standard library that are read as data. */
const PYTHON_CLASSES: InterpreterTable = {
  'collections OrderedDict': orderedDict,
  'collections defaultdict': defaultDict,
  'builtins set': set,
  '__builtin__ set': set,
  'builtins frozenset': set,
  '__builtin__ frozenset': set,
  'builtins bytes': bytes,
  '__builtin__ bytes': bytes,
  'builtins bytearray': bytes,
  '__builtin__ bytearray': bytes,
};

const PYTHON_FUNCTIONS: InterpreterTable = {
  '_codecs encode': encode,
};

function itemsOf(value: PickleValue): readonly PickleValue[] | undefined {
  return isPickleObject(value) && (value.kind === 'list' || value.kind === 'tuple') ? value.items : undefined;
}

/** `(storage, offset, size, stride, requires_grad, backward_hooks, metadata)`, the last three optional. */
const tensor: ReduceHandler = ([storage, offset, size, stride, , , metadata], context) =>
  rebuildTensor({ storage, offset, size, stride, metadata, dtype: undefined }, context);

/** As above, with the element type before the metadata; for types without a storage class. */
const tensorOfDType: ReduceHandler = ([storage, offset, size, stride, , , dtype, metadata], context) =>
  rebuildTensor({ storage, offset, size, stride, metadata, dtype: dtype ?? null }, context);

/** A parameter is read as its tensor. */
const parameter: ReduceHandler = ([data], context) => tensorOf(data, context);

/** `(function, class, args, state)`, which is how tensors with Python attributes are written. Subclasses stay inert. */
const fromType: ReduceHandler = ([callable, type, args], context) => {
  if (!isPickleObject(callable) || callable.kind !== 'global' || !isPickleObject(type) || type.kind !== 'global') {
    return undefined;
  }
  const isPlain = PLAIN_TYPES.has(describeGlobal(type.module, type.name));
  const rebuild = REBUILDERS[describeGlobal(callable.module, callable.name)];
  if (!isPlain || rebuild === undefined || !isPickleObject(args) || args.kind !== 'tuple') return undefined;
  return rebuild(args.items, context);
};

/** A shape is read as a tuple. */
const size: ReduceHandler = ([items]) => (isPickleObject(items) && items.kind === 'tuple' ? items : undefined);

/** A device is read as its name, such as `cuda:0`. */
const device: ReduceHandler = ([type, index]) => {
  if (typeof type !== 'string') return undefined;
  return typeof index === 'number' ? `${type}:${index}` : type;
};

const PLAIN_TYPES: ReadonlySet<string> = new Set(['torch Tensor', 'torch.nn.parameter Parameter']);

const REBUILDERS: InterpreterTable = {
  'torch._utils _rebuild_tensor': tensor,
  'torch._utils _rebuild_tensor_v2': tensor,
  'torch._utils _rebuild_tensor_v3': tensorOfDType,
  'torch._utils _rebuild_parameter': parameter,
  'torch._utils _rebuild_parameter_with_state': parameter,
};

/** Calls in pickles that PyTorch writes. */
const TORCH_CALLS: InterpreterTable = {
  ...REBUILDERS,
  'torch._tensor _rebuild_from_type_v2': fromType,
  'torch Size': size,
  'torch device': device,
};

function tensorOf(value: PickleValue | undefined, context: PickleContext): TensorRef {
  if (isPickleObject(value) && value.kind === 'tensor') return value;
  throw context.unsupported(`a parameter is made of ${describe(value)}`);
}

const FUNCTIONS: ReadonlyMap<string, ReduceHandler> = new Map([
  ...Object.entries(PYTHON_CLASSES),
  ...Object.entries(PYTHON_FUNCTIONS),
  ...Object.entries(NUMPY_CALLS),
  ...Object.entries(TORCH_CALLS),
]);

const CLASSES: ReadonlyMap<string, ReduceHandler> = new Map(Object.entries(PYTHON_CLASSES));

/** Returns the result of REDUCE with a known name. */
function interpretCall(
  callable: PickleGlobal | PickleReduced,
  args: readonly PickleValue[],
  context: PickleContext,
): PickleValue | undefined {
  return interpret(FUNCTIONS, callable, args, context);
}

/** Returns a new instance of a known class. */
function interpretNew(
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
