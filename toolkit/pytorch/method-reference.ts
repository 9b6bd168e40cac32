import type { PickleContext } from './pickle/pickle-context.ts';
import { isPickleObject, type PickleValue } from './pickle/value.ts';

/** Classes with a method that a network may refer to by name: the segmentation head of YOLOv5 stores `Detect.forward`. */
const HOLDERS: ReadonlySet<string> = new Set(['models.yolo Detect', 'yolov5.models.yolo Detect']);
const METHOD = 'forward';
/**
 * Opcodes allowed between `getattr` and its call: PUT, BINPUT, LONG_BINPUT, GLOBAL, BINUNICODE, BINGET, LONG_BINGET,
 * TUPLE2, REDUCE.
 */
const BETWEEN: ReadonlySet<string> = new Set(['p', 'q', 'r', 'c', 'X', 'h', 'j', '\x86', 'R']);

/** Returns whether a name is Python's `getattr`. Old pickles name methods with it, and malicious ones can reach anything. */
export function isGetattr(module: string, name: string): boolean {
  return (module === '__builtin__' || module === 'builtins') && name === 'getattr';
}

/**
 * Tracks every use of `getattr` in a pickle. Only one is harmless: the call that names a known method of a known class,
 * written as Python writes it, with nothing in between. Any other use is reported as dangerous.
 */
export class MethodReferences {
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

  /** Checks a call before it is recorded. */
  call(callable: PickleValue, args: readonly PickleValue[]): void {
    if (this.#pending === undefined) return;
    const [holder, method, ...rest] = args;
    const isKnown =
      isPickleObject(callable) &&
      callable.kind === 'global' &&
      isGetattr(callable.module, callable.name) &&
      isPickleObject(holder) &&
      holder.kind === 'global' &&
      HOLDERS.has(`${holder.module} ${holder.name}`) &&
      method === METHOD &&
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
