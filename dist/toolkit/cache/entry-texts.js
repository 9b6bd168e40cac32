/** What a process remembers at most: the entries of a hundred thousand ROIs. */
const MOST_BYTES = 256 * 2 ** 20;
/** Texts of cache entries that were read and checked, by key: an entry never changes. When there is no more room, no other is kept. */
export class EntryTexts {
    #texts = new Map();
    #bytes = 0;
    of(key) {
        return this.#texts.get(key);
    }
    keep(key, text) {
        if (this.#texts.has(key) || this.#bytes + text.length > MOST_BYTES)
            return;
        this.#texts.set(key, text);
        this.#bytes += text.length;
    }
    forget(key) {
        this.#bytes -= this.#texts.get(key)?.length ?? 0;
        this.#texts.delete(key);
    }
}
