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

/** Returns pseudorandom bytes, always the same for a seed. */
export function noise(length: number, seed: number): Uint8Array {
  let state = seed * 2 + 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

const EDGES = [0x00, 0x01, 0x7f, 0x80, 0xff];

/** Changes, removes, duplicates or inserts some bytes, mostly near the ends, where headers and pickles are. */
export function damagedBytes(original: Buffer, { below, oneOf }: ReturnType<typeof randomNumbers>): Buffer {
  let bytes = Buffer.from(original);
  for (let round = 1 + below(4); round > 0; round--) {
    const at = near(bytes.length, below);
    const length = 1 + below(16);
    const kind = below(5);
    if (kind === 0) bytes[at] = below(256);
    else if (kind === 1) bytes.fill(oneOf(EDGES), at, Math.min(bytes.length, at + length));
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    else bytes = bytes.subarray(0, Math.max(1, at));
  }
  return bytes;
}

function near(length: number, below: (limit: number) => number): number {
  const place = below(3);
  if (place === 0) return below(Math.min(length, 4_096));
  if (place === 1) return Math.max(0, length - 1 - below(Math.min(length, 4_096)));
  return below(length);
}
