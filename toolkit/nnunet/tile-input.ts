import type { PixelValues } from './pixel-values.ts';
import type { TileGrid } from './tile-grid.ts';

/**
 * Fills the network's input with one tile: the values of the image's bytes, 0 outside the image.
 *
 * @param rgb - image.height x image.width x 3 uint8.
 * @param top - First row of the tile in the padded image, px.
 * @param left - First column of the tile in the padded image, px.
 * @param input - Receives channels x patch.height x patch.width float32 (CHW).
 */
export function fillTileInput(
  rgb: Uint8Array,
  values: PixelValues,
  grid: TileGrid,
  top: number,
  left: number,
  input: Float32Array,
): void {
  const { patch, image, offset } = grid;
  const isInside = image.height >= patch.height && image.width >= patch.width;
  if (!isInside) input.fill(0);
  const fromColumn = Math.max(0, offset.x - left);
  const toColumn = Math.min(patch.width, offset.x - left + image.width);
  for (let i = 0; i < patch.height; i++) {
    const y = top + i - offset.y;
    if (y < 0 || y >= image.height) continue;
    const from = y * image.width + left + fromColumn - offset.x;
    fillRow(rgb, values, from, input, i * patch.width + fromColumn, toColumn - fromColumn, patch.height * patch.width);
  }
}

/** A hot loop: plain indices, no calls. `from` and `to` are pixels. */
function fillRow(
  rgb: Uint8Array,
  { tables, inside }: PixelValues,
  from: number,
  input: Float32Array,
  to: number,
  count: number,
  plane: number,
): void {
  for (let channel = 0; channel < tables.length; channel++) {
    const table = tables[channel] ?? new Float32Array();
    let at = 3 * from + channel;
    const start = channel * plane + to;
    for (let j = 0; j < count; j++, at += 3) input[start + j] = table[rgb[at] ?? 0] ?? 0;
    if (inside === undefined) continue;
    for (let j = 0; j < count; j++) if (inside[from + j] === 0) input[start + j] = 0;
  }
}
