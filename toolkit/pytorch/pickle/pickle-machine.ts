import { withArticle } from '../../format.ts';
import type { ByteReader } from './byte-reader.ts';
import { isGetattr, MethodReferences } from './method-reference.ts';
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
