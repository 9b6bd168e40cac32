import { withArticle } from '../../format.ts';
import type { ByteReader } from './pickle-bytes.ts';
import { LIMITS, type PickleContext } from './pickle-context.ts';
import { isPickleObject, type PickleObject, type PickleValue } from './value.ts';

/** Resolves a persistent id; in PyTorch, to a storage. */
export type PersistentLoad = (id: PickleValue) => PickleValue;

/** The stack machine of the pickle format: a stack with marks, and a memo. */
export class PickleMachine {
  readonly reader: ByteReader;
  readonly context: PickleContext;
  readonly persistentLoad: PersistentLoad;
  readonly methods: MethodReferences;
  /** Position of the current opcode, in bytes. */
  opcodeAt = 0;
  readonly #stack: PickleValue[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(reader: ByteReader, context: PickleContext, persistentLoad: PersistentLoad) {
    this.reader = reader;
    this.context = context;
    this.methods = new MethodReferences(context);
    this.persistentLoad = persistentLoad;
  }

  /** Pushes an existing value, or one that takes no memory. */
  push(value: PickleValue): void {
    if (this.#stack.length >= LIMITS.slots) throw this.context.unsupported('its stack is too high');
    this.#stack.push(value);
  }

  /** Pushes a new value and counts it. */
  pushNew(value: PickleValue): void {
    this.context.chargeObjects(1);
    this.push(value);
  }

  top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || this.#stack.length <= this.#fence()) throw this.underflow();
    return value;
  }

  pop(): PickleValue {
    const value = this.top();
    this.#stack.pop();
    return value;
  }

  /** Pops a value of one of the kinds. */
  popKind<Kind extends PickleObject['kind']>(...kinds: readonly Kind[]): Extract<PickleObject, { kind: Kind }> {
    const value = this.pop();
    if (hasKind(value, kinds)) return value;
    throw this.context.corrupt(`${withArticle(kinds.join(' or '))} is expected by the opcode at byte ${this.opcodeAt}`);
  }

  /** Pops the top value, or the mark if that is on top, which the opcode POP may do. */
  drop(): void {
    if (this.#marks.length > 0 && this.#stack.length === this.#fence()) this.#marks.pop();
    else this.pop();
  }

  mark(): void {
    if (this.#marks.length >= LIMITS.slots) throw this.context.unsupported('it has too many marks');
    this.#marks.push(this.#stack.length);
  }

  /** Pops the last mark and returns the values above it. */
  popToMark(): PickleValue[] {
    const start = this.#marks.pop();
    if (start === undefined) throw this.underflow();
    return this.#stack.splice(start);
  }

  memoize(index: number = this.#memo.size): void {
    if (this.#memo.size >= LIMITS.slots) throw this.context.unsupported('its memo is too large');
    this.#memo.set(index, this.top());
  }

  remembered(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.context.corrupt(`memo ${index} is read before it is written`);
    if (isPickleObject(value) && value.kind === 'global' && isGetattr(value.module, value.name)) {
      this.methods.begin(value.module, this.opcodeAt);
    }
    return value;
  }

  /** Returns the only value that is left at the end. */
  result(): PickleValue {
    const value = this.pop();
    if (this.#stack.length > 0 || this.#marks.length > 0) {
      throw this.context.corrupt(`the pickle that ends at byte ${this.opcodeAt} leaves more than one value`);
    }
    return value;
  }

  underflow(): Error {
    return this.context.corrupt(`the opcode at byte ${this.opcodeAt} finds too few values`);
  }

  #fence(): number {
    return this.#marks.at(-1) ?? 0;
  }
}

function hasKind<Kind extends PickleObject['kind']>(
  value: PickleValue,
  kinds: readonly Kind[],
): value is Extract<PickleObject, { kind: Kind }> {
  return isPickleObject(value) && kinds.some((kind) => kind === value.kind);
}

/** Effect of an opcode on the machine. */
export type Opcode = (machine: PickleMachine) => void;

/** Opcodes by their character, as in the documentation of the format (pickletools). */
export type OpcodeTable = Readonly<Record<string, Opcode>>;

/** Where the modules of YOLOv5 and of Ultralytics are defined, in a package of any name. */
const MODULES =
  /^(?:[A-Za-z_]\w*\.)*(?:models\.(?:common|yolo|experimental)|ultralytics\.nn\.(?:modules|tasks)(?:\.\w+)?)$/;
/** A class whose method a network may hold by name: the segmentation head of YOLOv5 keeps `Detect.forward`. */
const HEADS = /^(?:[A-Za-z_]\w*\.)*models\.yolo Detect$/;
/** What modules that were fused call in place of `forward`; of older releases the last. */
const FUSED = ['forward_fuse', 'forward', 'fuseforward'];
/**
 * Opcodes allowed between `getattr` and its call: PUT, BINPUT, LONG_BINPUT, GLOBAL, BINUNICODE, BINGET, LONG_BINGET,
 * TUPLE2, REDUCE.
 */
const BETWEEN: ReadonlySet<string> = new Set(['p', 'q', 'r', 'c', 'X', 'h', 'j', '\x86', 'R']);

/** Returns whether a name is Python's `getattr`. Old pickles name methods with it, and malicious ones can reach anything. */
export function isGetattr(module: string, name: string): boolean {
  return (module === '__builtin__' || module === 'builtins') && name === 'getattr';
}

/** Whether a method is one that networks keep by name: of the class of a head, or of a module that was fused. */
function isMethodOfNetwork(holder: PickleValue | undefined, method: PickleValue | undefined): boolean {
  if (!isPickleObject(holder)) return false;
  if (holder.kind === 'global') return HEADS.test(`${holder.module} ${holder.name}`) && method === 'forward';
  if (holder.kind !== 'reduced' || holder.callable.kind !== 'global') return false;
  return MODULES.test(holder.callable.module) && FUSED.some((name) => name === method);
}

/**
 * Tracks every use of `getattr` in a pickle. Only calls that name a known method of a known class, or of an object of one,
 * are harmless: written as Python writes them, with nothing in between. Any other use is reported as dangerous.
 */
class MethodReferences {
  readonly #context: PickleContext;
  #pending: { readonly module: string; readonly position: number } | undefined;

  constructor(context: PickleContext) {
    this.#context = context;
  }

  /** Records that `getattr` is on the stack. */
  begin(module: string, position: number): void {
    this.fail();
    this.#pending = { module, position };
  }

  /** Checks an opcode before it is executed. */
  before(opcode: string): void {
    if (this.#pending !== undefined && !BETWEEN.has(opcode)) this.fail();
  }

  /** Reports a call of what `getattr` returned as dangerous: networks keep a method, they never call it. */
  refuseCallOfMethod(callable: PickleValue, position: number): void {
    if (!isPickleObject(callable) || callable.kind !== 'reduced' || callable.callable.kind !== 'global') return;
    const { module, name } = callable.callable;
    if (isGetattr(module, name)) this.#context.recordGlobal(module, name, position);
  }

  /** Checks a call before it is recorded. */
  call(callable: PickleValue, args: readonly PickleValue[]): void {
    if (this.#pending === undefined) return;
    const [holder, method, ...rest] = args;
    const isKnown =
      isPickleObject(callable) &&
      callable.kind === 'global' &&
      isGetattr(callable.module, callable.name) &&
      isMethodOfNetwork(holder, method) &&
      rest.length === 0;
    const { module, position } = this.#pending;
    if (!isKnown) {
      this.fail();
      return;
    }
    this.#pending = undefined;
    this.#context.recordGlobal(module, 'getattr', position, 'inert');
  }

  /** Reports a pending `getattr` as dangerous, because the pickle ends early or uses it for anything else. */
  fail(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) this.#context.recordGlobal(pending.module, 'getattr', pending.position);
  }
}
