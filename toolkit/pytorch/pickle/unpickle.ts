import { OBJECT_OPCODES } from './object-opcodes.ts';
import type { ByteReader } from './pickle-bytes.ts';
import { LIMITS, type PickleContext } from './pickle-context.ts';
import { type Opcode, type PersistentLoad, PickleMachine } from './pickle-machine.ts';
import { isPickleObject, type PickleObject, type PickleValue } from './value.ts';
import { CONTAINER_OPCODES, MACHINE_OPCODES, SCALAR_OPCODES } from './value-opcodes.ts';

const STOP = '.'.charCodeAt(0);

/** Valid opcodes that need what a file cannot contain: a registry of the process, or buffers outside the pickle. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [0x82, 'EXT1'],
  [0x83, 'EXT2'],
  [0x84, 'EXT4'],
  [0x97, 'NEXT_BUFFER'],
  [0x98, 'READONLY_BUFFER'],
]);

/** The allow-list. Any other opcode is an error. */
const OPCODES: readonly (Opcode | undefined)[] = (() => {
  const table: (Opcode | undefined)[] = new Array(256).fill(undefined);
  for (const family of [SCALAR_OPCODES, CONTAINER_OPCODES, OBJECT_OPCODES, MACHINE_OPCODES]) {
    for (const [character, opcode] of Object.entries(family)) table[character.charCodeAt(0)] = opcode;
  }
  return table;
})();

/**
 * Reads one pickle, of protocol 0 to 5, as data. Leaves the reader after its STOP.
 *
 * @throws ReigniteError CHECKPOINT_CORRUPT for a malformed pickle; CHECKPOINT_UNSUPPORTED if it needs more than this
 *   reader supports or allows; CHECKPOINT_UNSAFE if it imports a name that could run code.
 * @see Python's pickletools.py, which documents every opcode
 */
export function unpickle(
  reader: ByteReader,
  context: PickleContext,
  persistentLoad: PersistentLoad = (id) => ({ kind: 'persistent', id }),
): PickleValue {
  const machine = new PickleMachine(reader, context, persistentLoad);
  try {
    run(machine);
  } catch (error) {
    machine.methods.fail();
    throw error;
  }
  const value = machine.result();
  checkNesting(value, context);
  return value;
}

function run(machine: PickleMachine): void {
  const { reader, context } = machine;
  for (;;) {
    machine.opcodeAt = reader.position;
    const code = reader.uint8();
    machine.methods.before(String.fromCharCode(code));
    if (code === STOP) break;
    const opcode = OPCODES[code];
    if (opcode === undefined) throw unknownOpcode(code, machine.opcodeAt, context);
    opcode(machine);
  }
}

function unknownOpcode(code: number, position: number, context: PickleContext): Error {
  const name = REFUSED.get(code);
  if (name !== undefined) return context.unsupported(`it uses the opcode ${name}`);
  return context.corrupt(`byte ${position}, 0x${code.toString(16).padStart(2, '0')}, is not an opcode`);
}

interface Frame {
  readonly node: PickleObject;
  readonly children: readonly PickleObject[];
  next: number;
  /** Longest path down found so far. */
  height: number;
}

/**
 * Refuses values that are nested deeper than the limit, so that code that walks them may recurse. For a value that
 * contains itself, the depth ends at the repetition.
 */
function checkNesting(root: PickleValue, context: PickleContext): void {
  if (!isPickleObject(root)) return;
  const heights = new Map<PickleObject, number>([[root, 0]]);
  const path: Frame[] = [frame(root)];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const child = top.children[top.next++];
    if (child === undefined) leave(path, heights);
    else {
      const height = heights.get(child);
      if (height === undefined) {
        heights.set(child, 0);
        path.push(frame(child));
      } else top.height = Math.max(top.height, height + 1);
    }
    if (path.length > LIMITS.depth || top.height > LIMITS.depth) {
      throw context.unsupported(`its values nest deeper than ${LIMITS.depth}`);
    }
  }
}

function leave(path: Frame[], heights: Map<PickleObject, number>): void {
  const done = path.pop();
  if (done === undefined) return;
  heights.set(done.node, done.height);
  const parent = path.at(-1);
  if (parent !== undefined) parent.height = Math.max(parent.height, done.height + 1);
}

function frame(node: PickleObject): Frame {
  const children: PickleObject[] = [];
  for (const value of valuesWithin(node)) if (isPickleObject(value)) children.push(value);
  return { node, children, next: 0, height: 0 };
}

function* valuesWithin(node: PickleObject): Iterable<PickleValue | undefined> {
  switch (node.kind) {
    case 'list':
    case 'tuple':
    case 'set':
      yield* node.items;
      break;
    case 'dict':
      yield* node.entries.keys();
      yield* node.entries.values();
      yield node.attributes;
      break;
    case 'reduced':
      yield* [node.callable, node.kwargs, node.state];
      yield* node.args;
      yield* node.appended ?? [];
      yield* node.entries?.keys() ?? [];
      yield* node.entries?.values() ?? [];
      break;
    case 'persistent':
      yield node.id;
      break;
    case 'array':
      if (node.code === 'O') yield* node.data;
      break;
    default:
  }
}
