/**
 * Finds the connected components of a value in a small grid (4-connectivity).
 *
 * @param data - height x width values.
 * @param value - The value whose components are found.
 * @returns The indices of each component.
 */
export function* connectedBlocks(data: Uint8Array, width: number, value: number): Generator<readonly number[]> {
  const isSeen = new Uint8Array(data.length);
  for (let start = 0; start < data.length; start++) {
    if (isSeen[start] === 1 || data[start] !== value) continue;
    isSeen[start] = 1;
    const piece = [start];
    for (let next = 0; next < piece.length; next++) {
      const at = piece[next] ?? 0;
      const x = at % width;
      const neighbours = [x > 0 ? at - 1 : -1, x < width - 1 ? at + 1 : -1, at - width, at + width];
      for (const other of neighbours) {
        if (other < 0 || other >= data.length || isSeen[other] === 1 || data[other] !== value) continue;
        isSeen[other] = 1;
        piece.push(other);
      }
    }
    yield piece;
  }
}
