/** Returns pseudorandom bytes, always the same for a seed. */
export function noise(length: number, seed: number): Uint8Array {
  let state = seed * 2 + 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}
