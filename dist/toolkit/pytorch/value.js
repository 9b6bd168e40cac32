/** Whether a value is one of the objects with a `kind`, not a primitive and not bytes. */
export function isPickleObject(value) {
    return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}
/** The short name of a value's type, for messages. */
export function describe(value) {
    if (value === undefined)
        return 'nothing';
    if (value === null)
        return 'None';
    if (value instanceof Uint8Array)
        return 'bytes';
    if (typeof value !== 'object')
        return `the ${typeof value} ${abbreviate(String(value))}`;
    if (value.kind === 'global')
        return `the name ${value.module}.${value.name}`;
    if (value.kind === 'reduced')
        return `an object of ${nameOfCallable(value)}`;
    return `a ${value.kind}`;
}
/** `module.name` of the class or function an inert object was to be made with. */
export function nameOfCallable(value) {
    const { callable } = value;
    return callable.kind === 'global' ? `${callable.module}.${callable.name}` : 'another object';
}
function abbreviate(text) {
    const quoted = JSON.stringify(text.slice(0, 60));
    return text.length > 60 ? `${quoted}…` : quoted;
}
