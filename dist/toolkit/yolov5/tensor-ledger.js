import { ReigniteError } from '../errors.js';
import { elementCount } from '../pytorch/tensor.js';
import { isPickleObject } from '../pytorch/value.js';
import { join } from './module-tree.js';
/**
 * Keeps account of a module tree, so that nothing in it is passed over in silence: every parameter and buffer is
 * used, or set aside on purpose, or an error. Tensors that are plain attributes (the stride, cached grids) belong to
 * no register of PyTorch's: those that nothing uses are set aside by themselves.
 */
export class TensorLedger {
    /** Path of the checkpoint. */
    file;
    #checkpoint;
    #tensors = new Map();
    #registered = new Set();
    #used = new Set();
    #unused = new Set();
    #parameters = 0;
    constructor(root, file, checkpoint) {
        this.file = file;
        this.#checkpoint = checkpoint;
        this.#enter(root);
    }
    /** Elements of all tensors used so far. */
    get parameters() {
        return this.#parameters;
    }
    /** Names that nothing used, in the order of the tree. */
    get unused() {
        return [...this.#tensors.keys()].filter((name) => !this.#used.has(name));
    }
    /** Whether the module has a tensor of that name. */
    has({ place }, name) {
        return this.#tensors.has(join(place, name));
    }
    /**
     * Uses a tensor.
     *
     * @param shape - What it must be; an axis of -1 may have any length.
     * @throws ReigniteError CHECKPOINT_UNSUPPORTED when there is none of that name and shape.
     */
    use({ place, className }, name, shape) {
        const full = join(place, name);
        const tensor = this.#tensors.get(full);
        if (tensor === undefined)
            throw this.#refuse(`the ${className} ${place} has no tensor ${name}`);
        const fits = tensor.shape.length === shape.length && shape.every((length, axis) => isLength(length, tensor, axis));
        if (!fits) {
            throw this.#refuse(`${full} is [${tensor.shape.join(', ')}], where the network wants [${shape.join(', ')}]`);
        }
        if (!this.#used.has(full))
            this.#parameters += elementCount(tensor.shape);
        this.#used.add(full);
        return { shape: tensor.shape, read: () => this.#read(full, tensor) };
    }
    /** Sets tensors aside that inference does not need, where they are there. */
    setAside({ place }, ...names) {
        for (const name of names)
            this.#unused.add(join(place, name));
    }
    /** @throws ReigniteError CHECKPOINT_UNSUPPORTED naming what was neither used nor set aside. */
    close() {
        const left = [...this.#registered].filter((name) => !this.#used.has(name) && !this.#unused.has(name));
        if (left.length === 0)
            return;
        const others = left.length === 1 ? '' : ` and ${left.length - 1} more (${left.slice(1, 4).join(', ')})`;
        throw this.#refuse(`nothing uses its tensor ${left[0]}${others}`);
    }
    #enter(module) {
        for (const [name, tensor] of module.tensors) {
            this.#tensors.set(join(module.place, name), tensor);
            this.#registered.add(join(module.place, name));
        }
        for (const [name, tensor] of attributeTensors(module)) {
            const full = join(module.place, name);
            if (!this.#tensors.has(full))
                this.#tensors.set(full, tensor);
        }
        for (const child of module.children.values())
            this.#enter(child);
    }
    /** One weight that is not finite would make nothing of every box it reaches, without a word. */
    async #read(name, tensor) {
        const values = await this.#checkpoint.readFloat32(tensor);
        for (const value of values) {
            if (Number.isFinite(value))
                continue;
            const cause = `${this.file}: the parameter ${name} holds values that are not finite.`;
            throw new ReigniteError('CHECKPOINT_CORRUPT', cause);
        }
        return values;
    }
    #refuse(what) {
        return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${this.file} is not read: ${what}.`);
    }
}
function isLength(length, { shape }, axis) {
    return length === -1 || shape[axis] === length;
}
/** Tensors that are attributes, or items of a list or tuple that is one. */
function attributeTensors({ attributes: { value } }) {
    if (!isPickleObject(value) || value.kind !== 'dict')
        return [];
    return Array.from(value.entries).flatMap(([key, held]) => {
        if (typeof key !== 'string')
            return [];
        if (isTensor(held))
            return [[key, held]];
        if (!isPickleObject(held) || (held.kind !== 'list' && held.kind !== 'tuple'))
            return [];
        return held.items.flatMap((item, index) => (isTensor(item) ? [[`${key}[${index}]`, item]] : []));
    });
}
function isTensor(value) {
    return isPickleObject(value) && value.kind === 'tensor';
}
