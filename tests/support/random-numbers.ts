/** A pseudorandom generator, the same for the same seed on every machine. */
export interface RandomNumbers {
  /** Returns a number from 0 to 1, excluding 1. */
  readonly share: () => number;
  /** Returns a whole number from 0 to `count`, excluding `count`. */
  readonly below: (count: number) => number;
  readonly oneOf: <T>(items: readonly T[]) => T;
}

/** The generator Mulberry32. */
export function randomNumbers(seed: number): RandomNumbers {
  let state = seed;
  const share = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number) => Math.floor(share() * count);
  const oneOf = <T>(items: readonly T[]): T => {
    const index = below(items.length);
    const item = items[index];
    if (item === undefined) throw new Error(`There is no item ${index} of ${items.length}.`);
    return item;
  };
  return { share, below, oneOf };
}
