import { isPickleObject } from './value.js';
/**
 * Finds every tensor of a value, each once, in the order in which Python would meet them.
 *
 * @param root - May contain itself.
 */
export function listTensors(root) {
    const found = [];
    const seen = new Set();
    // A list of what is still to be walked, not recursion: a hostile file may nest as deep as it likes.
    const open = [{ name: '', value: root }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
        const { name, value } = next;
        if (value === undefined || !isPickleObject(value) || seen.has(value))
            continue;
        seen.add(value);
        if (value.kind === 'tensor')
            found.push(listed(name, value));
        else
            open.push(...childrenOf(name, value).reverse());
    }
    return found;
}
function listed(name, { dtype, shape }) {
    return { name, dtype, shape };
}
function childrenOf(name, value) {
    const under = (key) => (name === '' ? key : `${name}.${key}`);
    const entriesOf = (entries) => [...entries].map(([key, inner]) => ({ name: under(typeof key === 'object' ? '?' : String(key)), value: inner }));
    const itemsOf = (items) => [...items].map((inner, index) => ({ name: under(String(index)), value: inner }));
    switch (value.kind) {
        case 'dict':
            return entriesOf(value.entries);
        case 'list':
        case 'tuple':
        case 'set':
            return itemsOf(value.items);
        case 'reduced':
            return [
                ...itemsOf(value.args),
                { name, value: value.state },
                ...itemsOf(value.appended ?? []),
                ...entriesOf(value.entries ?? new Map()),
            ];
        default:
            return [];
    }
}
