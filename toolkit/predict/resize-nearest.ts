/** One number per pixel. */
interface PixelMap<Data extends Uint8Array | Uint16Array> {
  readonly width: number;
  readonly height: number;
  /** height x width, row by row. */
  readonly data: Data;
}

/**
 * A mask or a map of margins at another size: each pixel takes the value at its middle.
 *
 * @param allocate - Makes the new values, of as many pixels.
 */
export function resizeNearest<Data extends Uint8Array | Uint16Array>(
  map: PixelMap<Data>,
  { width, height }: { readonly width: number; readonly height: number },
  allocate: (length: number) => Data,
): PixelMap<Data> {
  if (map.width === width && map.height === height) return map;
  const data = allocate(width * height);
  const columns = Uint32Array.from({ length: width }, (_, x) => Math.floor(((x + 0.5) * map.width) / width));
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * map.height) / height) * map.width;
    for (let x = 0; x < width; x++) data[at++] = map.data[row + (columns[x] ?? 0)] ?? 0;
  }
  return { width, height, data };
}
