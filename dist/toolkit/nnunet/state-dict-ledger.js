import { ReigniteError } from '../errors.js';
/**
 * Keeps account of a state dict, so that nothing in it is passed over in silence: every tensor is used,
 * or set aside on purpose, or an error.
 */
export class StateDictLedger {
    #tensors;
    /** Path of the checkpoint. */
    source;
    #used = new Set();
    #unused = new Set();
    #parameters = 0;
    constructor(tensors, source) {
        this.#tensors = tensors;
        this.source = source;
    }
    /** Elements of all tensors used so far. */
    get parameters() {
        return this.#parameters;
    }
    /** Names set aside so far, in the order of the checkpoint. */
    get unused() {
        return [...this.#tensors.keys()].filter((name) => this.#unused.has(name));
    }
    /**
     * Uses a tensor.
     *
     * @throws ReigniteError PARAMETER_MISSING when there is none of that name and shape.
     */
    use(name, shape) {
        const tensor = this.#find(name, shape);
        this.#used.add(name);
        this.#parameters += shape.reduce((product, axis) => product * axis, 1);
        return tensor;
    }
    /**
     * Sets a tensor aside that the original network has and inference does not need.
     *
     * @throws ReigniteError PARAMETER_MISSING when there is none of that name and shape.
     */
    setAside(name, shape) {
        this.#find(name, shape);
        this.#unused.add(name);
    }
    /** Sets a tensor aside if it is there. */
    setAsideIfPresent(name, shape) {
        if (this.#tensors.has(name))
            this.setAside(name, shape);
    }
    /** @throws ReigniteError PARAMETER_UNKNOWN naming what was neither used nor set aside. */
    close() {
        const left = [...this.#tensors.keys()].filter((name) => !this.#used.has(name) && !this.#unused.has(name));
        if (left.length === 0)
            return;
        const others = left.length === 1 ? '' : ` (and ${left.length - 1} more: ${left.slice(1, 4).join(', ')})`;
        throw new ReigniteError('PARAMETER_UNKNOWN', `${this.source}: the network of its plans has no parameter ${left[0]}${others}.`);
    }
    #find(name, shape) {
        const tensor = this.#tensors.get(name);
        const expected = `[${shape.join(', ')}]`;
        if (tensor === undefined) {
            throw new ReigniteError('PARAMETER_MISSING', `${this.source}: there is no parameter ${name} ${expected}.`);
        }
        const found = `[${tensor.shape.join(', ')}]`;
        if (found !== expected) {
            throw new ReigniteError('PARAMETER_MISSING', `${this.source}: the parameter ${name} is ${found}, its plans want ${expected}.`);
        }
        return tensor;
    }
}
