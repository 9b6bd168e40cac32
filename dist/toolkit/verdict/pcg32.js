const MULTIPLIER = 6364136223846793005n;
const MASK_64 = 2n ** 64n - 1n;
/**
 * The generator PCG32 (PCG-XSH-RR, 64 bits of state, 32 bits out) of O'Neill's reference implementation: the same
 * numbers for the same seed, in any language.
 *
 * @see https://www.pcg-random.org
 */
export class Pcg32 {
    #state = 0n;
    #increment;
    /**
     * @param seed - Whole number, 0 to 2^53 - 1: `initstate` of the reference implementation.
     * @param stream - `initseq` of the reference implementation.
     */
    constructor(seed, stream = 54) {
        this.#increment = ((BigInt(stream) << 1n) | 1n) & MASK_64;
        this.next();
        this.#state = (this.#state + BigInt(seed)) & MASK_64;
        this.next();
    }
    /** A whole number, 0 to 2^32 - 1. */
    next() {
        const old = this.#state;
        this.#state = (old * MULTIPLIER + this.#increment) & MASK_64;
        const shifted = Number((((old >> 18n) ^ old) >> 27n) & 0xffffffffn);
        const rotation = Number(old >> 59n);
        return ((shifted >>> rotation) | (shifted << (-rotation & 31))) >>> 0;
    }
    /**
     * A whole number from 0 up to, not including, `bound`; all equally likely, as `pcg32_boundedrand_r`.
     *
     * @param bound - 1 to 2^32 - 1.
     */
    below(bound) {
        const threshold = 2 ** 32 % bound;
        for (;;) {
            const drawn = this.next();
            if (drawn >= threshold)
                return drawn % bound;
        }
    }
}
