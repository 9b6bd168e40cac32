import { ReigniteError } from '../errors.js';
import { asEntries, asObject, dictGet, dictHas } from '../pytorch/access.js';
import { isPickleObject } from '../pytorch/value.js';
/** Far beyond the largest official network (some 1,000 modules); memo references let a small file ask for any number. */
const MOST_MODULES = 20_000;
const PACKAGE_PREFIX = 'yolov5.';
/**
 * Reads a pickled tree of PyTorch modules.
 *
 * @param root - Where the outermost module is; its place is the empty string.
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED for anything else than modules, for a module that contains itself and
 *   for more than 20,000 of them.
 */
export function readModuleTree(root) {
    return new TreeReader().read(root, '');
}
class TreeReader {
    #within = new Set();
    #count = 0;
    read(located, place) {
        const { value } = located;
        if (!isPickleObject(value))
            throw notAModule(located, place);
        if (this.#within.has(value))
            throw refuse(located, `the module ${place} contains itself`);
        if (++this.#count > MOST_MODULES)
            throw refuse(located, `its network has more than ${MOST_MODULES} modules`);
        this.#within.add(value);
        const node = this.#readNode(located, place);
        this.#within.delete(value);
        return node;
    }
    #readNode(located, place) {
        const { module, name, state } = asObject({ ...located, keys: place });
        const className = `${module}.${name}`;
        const attributes = { ...state, keys: place };
        if (!isDict(attributes))
            throw notAModule(located, place);
        const children = new Map();
        for (const [key, child] of present(attributes, '_modules')) {
            children.set(key, this.read(child, join(place, key)));
        }
        return {
            place,
            className: className.startsWith(PACKAGE_PREFIX) ? className.slice(PACKAGE_PREFIX.length) : className,
            attributes,
            tensors: new Map([...tensorsOf(attributes, '_parameters'), ...tensorsOf(attributes, '_buffers')]),
            children,
        };
    }
}
/** The name of something in a module, as PyTorch writes it. */
export function join(place, name) {
    return place === '' ? name : `${place}.${name}`;
}
function tensorsOf(attributes, key) {
    return present(attributes, key).map(([name, located]) => {
        const { value } = located;
        if (isPickleObject(value) && value.kind === 'tensor')
            return [name, value];
        throw refuse(located, `${join(attributes.keys, name)} is no tensor`);
    });
}
/** Entries of one of a module's registers that are not `None`. */
function present(attributes, key) {
    if (!dictHas(attributes, key))
        return [];
    return asEntries(dictGet(attributes, key)).filter(([, { value }]) => value !== null);
}
function isDict({ value }) {
    return isPickleObject(value) && value.kind === 'dict';
}
function notAModule(located, place) {
    return refuse(located, `${place === '' ? 'its network' : place} is no module with attributes`);
}
function refuse({ file, code }, what) {
    return new ReigniteError(code, `${file} is not read: ${what}.`);
}
