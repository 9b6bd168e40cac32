/** Axes along which an image is mirrored, 0 for rows and 1 for columns. */
export type Axes = readonly number[];

/**
 * Every way to mirror an image along some of the axes, in the order in which nnU-Net v2 adds them up: the image as it is,
 * then one axis after the other, then both.
 */
export function mirrorings(axes: Axes): readonly Axes[] {
  return [[], ...axes.map((axis) => [axis]), ...(axes.length > 1 ? [axes] : [])];
}

/**
 * Mirrors planes, such as a tile's channels.
 *
 * @param from - planes x height x width.
 * @param to - Receives as many; another array than `from`.
 */
export function mirrorPlanes(
  from: Float32Array,
  to: Float32Array,
  { height, width }: { readonly height: number; readonly width: number },
  axes: Axes,
): void {
  const [flipRows, flipColumns] = [axes.includes(0), axes.includes(1)];
  const plane = height * width;
  for (let start = 0; start < from.length; start += plane) {
    for (let y = 0; y < height; y++) {
      const row = start + (flipRows ? height - 1 - y : y) * width;
      const target = to.subarray(start + y * width, start + (y + 1) * width);
      target.set(from.subarray(row, row + width));
      if (flipColumns) target.reverse();
    }
  }
}

/**
 * Adds the output of a mirrored tile, mirrored back, in float32.
 *
 * @param sum - height x width x classes float32.
 * @param output - The same of the mirrored tile.
 */
export function addMirroredBack(
  sum: Float32Array,
  output: Float32Array,
  { height, width }: { readonly height: number; readonly width: number },
  axes: Axes,
): void {
  const [flipRows, flipColumns] = [axes.includes(0), axes.includes(1)];
  const classes = sum.length / (height * width);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = (flipRows ? height - 1 - y : y) * width;
    for (let x = 0; x < width; x++) {
      let from = (row + (flipColumns ? width - 1 - x : x)) * classes;
      for (let c = 0; c < classes; c++, to++, from++) sum[to] = (sum[to] ?? 0) + (output[from] ?? 0);
    }
  }
}
