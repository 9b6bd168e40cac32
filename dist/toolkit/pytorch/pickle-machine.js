import { LIMITS } from './limits.js';
import { isPickleObject } from './value.js';
/** The stack machine of the pickle format: a stack with marks, and a memo. */
export class PickleMachine {
    reader;
    context;
    persistentLoad;
    /** Byte at which the opcode at work begins. */
    opcodeAt = 0;
    #stack = [];
    #marks = [];
    #memo = new Map();
    constructor(reader, context, persistentLoad) {
        this.reader = reader;
        this.context = context;
        this.persistentLoad = persistentLoad;
    }
    /** Pushes a value that exists already, or one that takes no memory. */
    push(value) {
        if (this.#stack.length >= LIMITS.slots)
            throw this.context.unsupported('its stack is too high');
        this.#stack.push(value);
    }
    /** Pushes a value that was just made, and counts it. */
    pushNew(value) {
        this.context.chargeObjects(1);
        this.push(value);
    }
    top() {
        const value = this.#stack.at(-1);
        if (value === undefined || this.#stack.length <= this.#fence())
            throw this.underflow();
        return value;
    }
    pop() {
        const value = this.top();
        this.#stack.pop();
        return value;
    }
    /** The value on top, if it is of one of the kinds. */
    popKind(...kinds) {
        const value = this.pop();
        if (hasKind(value, kinds))
            return value;
        throw this.context.corrupt(`a ${kinds.join(' or ')} is expected by the opcode at byte ${this.opcodeAt}`);
    }
    /** Takes off the value on top, or the mark if that is on top, as the opcode POP may. */
    drop() {
        if (this.#marks.length > 0 && this.#stack.length === this.#fence())
            this.#marks.pop();
        else
            this.pop();
    }
    mark() {
        if (this.#marks.length >= LIMITS.slots)
            throw this.context.unsupported('it has too many marks');
        this.#marks.push(this.#stack.length);
    }
    /** The values above the last mark; they and the mark leave the stack. */
    popToMark() {
        const start = this.#marks.pop();
        if (start === undefined)
            throw this.underflow();
        return this.#stack.splice(start);
    }
    memoize(index = this.#memo.size) {
        if (this.#memo.size >= LIMITS.slots)
            throw this.context.unsupported('its memo is too large');
        this.#memo.set(index, this.top());
    }
    remembered(index) {
        const value = this.#memo.get(index);
        if (value === undefined)
            throw this.context.corrupt(`memo ${index} is read before it is written`);
        return value;
    }
    /** The one value that is left at the end. */
    result() {
        const value = this.pop();
        if (this.#stack.length > 0 || this.#marks.length > 0) {
            throw this.context.corrupt(`the pickle that ends at byte ${this.opcodeAt} leaves more than one value`);
        }
        return value;
    }
    underflow() {
        return this.context.corrupt(`the opcode at byte ${this.opcodeAt} finds too few values`);
    }
    #fence() {
        return this.#marks.at(-1) ?? 0;
    }
}
function hasKind(value, kinds) {
    return isPickleObject(value) && kinds.some((kind) => kind === value.kind);
}
