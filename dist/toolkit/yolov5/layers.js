import { ReigniteError } from '../errors.js';
/** A map of the same shape. */
export function sameShape({ channels, height, width }, value) {
    return { value, channels, height, width };
}
/** Adds nodes only when somebody reads their value. */
export function whenRead(shape, make) {
    let made;
    return {
        ...shape,
        get value() {
            made ??= make();
            return made;
        },
    };
}
/** 1 GiB as float32; the largest official network stays below a tenth at 1,280 px. */
const MOST_ELEMENTS = 2 ** 28;
/** CHECKPOINT_UNSUPPORTED that names the module's place and class. */
export function refuseModule({ ledger }, module, what) {
    const { place, className } = module;
    return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${ledger.file}: the module ${place} (${className}) ${what}.`);
}
/** The only input of a module that takes one. */
export function onlyInput(layers, module, inputs) {
    const [input] = inputs;
    if (input !== undefined && inputs.length === 1)
        return input;
    throw refuseModule(layers, module, `has ${inputs.length} inputs where it takes one`);
}
/** @throws ReigniteError CHECKPOINT_UNSUPPORTED when there is no submodule of that name. */
export function childOf(layers, module, name) {
    const child = module.children.get(name);
    if (child === undefined)
        throw refuseModule(layers, module, `has no submodule ${name}`);
    return child;
}
/** Refuses a feature map that has no pixels, or more than any sensible network asks for. */
export function checkedFeature(layers, module, feature) {
    const { channels, height, width } = feature;
    if (channels >= 1 && height >= 1 && width >= 1 && channels * height * width <= MOST_ELEMENTS)
        return feature;
    throw refuseModule(layers, module, `would give ${channels} x ${height} x ${width} values`);
}
