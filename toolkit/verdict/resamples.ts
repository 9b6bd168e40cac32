const MULTIPLIER = 6_364_136_223_846_793_005n;
const MASK_64 = 2n ** 64n - 1n;

/**
 * The random number generator PCG32 (PCG-XSH-RR, 64 bits of state, 32 bits of output), as in O'Neill's reference
 * implementation. The same seed gives the same numbers in any language.
 *
 * @see https://www.pcg-random.org
 */
export class Pcg32 {
  #state = 0n;
  readonly #increment: bigint;

  /**
   * @param seed - Whole number, 0 to 2^53 - 1: `initstate` of the reference implementation.
   * @param stream - `initseq` of the reference implementation.
   */
  constructor(seed: number, stream = 54) {
    this.#increment = ((BigInt(stream) << 1n) | 1n) & MASK_64;
    this.next();
    this.#state = (this.#state + BigInt(seed)) & MASK_64;
    this.next();
  }

  /** Draws a whole number from 0 to 2^32 - 1. */
  next(): number {
    const old = this.#state;
    this.#state = (old * MULTIPLIER + this.#increment) & MASK_64;
    const shifted = Number((((old >> 18n) ^ old) >> 27n) & 0xff_ff_ff_ffn);
    const rotation = Number(old >> 59n);
    return ((shifted >>> rotation) | (shifted << (-rotation & 31))) >>> 0;
  }

  /**
   * Draws a whole number from 0 to `bound` - 1, all equally likely, like `pcg32_boundedrand_r`.
   *
   * @param bound - 1 to 2^32 - 1.
   */
  below(bound: number): number {
    const threshold = 2 ** 32 % bound;
    for (;;) {
      const drawn = this.next();
      if (drawn >= threshold) return drawn % bound;
    }
  }
}

/** How the resamples are drawn, for readers who want to reproduce them. */
export const GENERATOR = 'PCG32 (XSH-RR 64/32), stream 54, bounded by rejection';

/** Indices of patients are stored as uint16. */
const MAX_PATIENTS = 65_535;

/**
 * Draws resamples of patients with replacement.
 *
 * @param patients - Number of patients, 1 to 65,535.
 * @returns Indices of patients, resamples x patients, row by row.
 * @throws RangeError for more patients.
 */
export function drawResamples(patients: number, resamples: number, seed: number): Uint16Array {
  if (patients > MAX_PATIENTS) throw new RangeError(`Expected at most ${MAX_PATIENTS} patients, got ${patients}`);
  const random = new Pcg32(seed);
  return Uint16Array.from({ length: resamples * patients }, () => random.below(patients));
}
