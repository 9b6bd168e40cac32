import { emptyDict, setEntries, setOf } from './container-opcodes.ts';
import type { InterpreterTable, ReduceHandler } from './interpret.ts';
import { latin1Bytes } from './text-literals.ts';
import { isPickleObject, type PickleValue } from './value.ts';

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
export const PYTHON_CLASSES: InterpreterTable = {
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

export const PYTHON_FUNCTIONS: InterpreterTable = {
  '_codecs encode': encode,
};

function itemsOf(value: PickleValue): readonly PickleValue[] | undefined {
  return isPickleObject(value) && (value.kind === 'list' || value.kind === 'tuple') ? value.items : undefined;
}
