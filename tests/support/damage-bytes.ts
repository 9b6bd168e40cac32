import type { randomNumbers } from './random-numbers.ts';

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
