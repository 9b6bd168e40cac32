import { asInteger, asNumber, asTuple, dictGet, refusal } from '../pytorch/access.js';
import { isPickleObject } from '../pytorch/value.js';
/** No attribute of a layer that is read comes near it, and no product of a few overflows. */
const MOST = 65_536;
/** An attribute of a module. */
export function attribute({ attributes }, name) {
    return dictGet(attributes, name);
}
/** A whole number from `least` to 65,536. */
export function integerAttribute(module, name, least) {
    return boundedInteger(attribute(module, name), least);
}
/** One number for both axes, or a tuple of height and width; each from `least` to 65,536. */
export function pairAttribute(module, name, least) {
    const located = attribute(module, name);
    if (!isPickleObject(located.value)) {
        const both = boundedInteger(located, least);
        return [both, both];
    }
    const [height, width, ...rest] = asTuple(located);
    if (height === undefined || width === undefined || rest.length > 0)
        throw refusal(located, 'a pair');
    return [boundedInteger(height, least), boundedInteger(width, least)];
}
/** A finite number that is not negative. */
export function positiveAttribute(module, name) {
    const located = attribute(module, name);
    const number = asNumber(located);
    if (Number.isFinite(number) && number >= 0)
        return number;
    throw refusal(located, 'a finite number from 0');
}
/** @throws ReigniteError CHECKPOINT_UNSUPPORTED unless the attribute has that very value; absent counts as `None`. */
export function requireAttribute(module, name, expected) {
    const located = attribute(module, name);
    if ((located.value ?? null) !== expected)
        throw refusal(located, String(expected ?? 'None'));
}
function boundedInteger(located, least) {
    const number = asInteger(located);
    if (number < least || number > MOST)
        throw refusal(located, `a number from ${least} to ${MOST}`);
    return number;
}
