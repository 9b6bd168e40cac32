import type { PickleContext } from './pickle-context.ts';
import { isPickleObject, type PickleValue } from './value.ts';

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
