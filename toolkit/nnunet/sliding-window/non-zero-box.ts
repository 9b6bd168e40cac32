/** A rectangle of pixels, px; `bottom` and `right` are excluded. */
export interface PixelBox {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/**
 * Returns the smallest rectangle that contains all pixels that are not black; like nnU-Net v2, the whole image if all
 * are black.
 *
 * @param pixels - height x width x channels uint8.
 * @see `crop_to_nonzero`, nnU-Net v2
 */
export function nonZeroBox(pixels: Uint8Array, width: number, height: number, channels = 3): PixelBox {
  const whole = { top: 0, bottom: height, left: 0, right: width };
  const row = width * channels;
  const isBlack = (from: number, to: number): boolean => {
    for (let at = from; at < to; at++) if (pixels[at] !== 0) return false;
    return true;
  };
  let { top, bottom } = whole;
  while (top < bottom && isBlack(top * row, (top + 1) * row)) top++;
  if (top === bottom) return whole;
  while (isBlack((bottom - 1) * row, bottom * row)) bottom--;
  let left = width;
  let right = 0;
  for (let y = top; y < bottom; y++) {
    const start = y * row;
    let x = 0;
    while (x < left && isBlack(start + channels * x, start + channels * (x + 1))) x++;
    left = Math.min(left, x);
    let end = width;
    while (end > right && isBlack(start + channels * (end - 1), start + channels * end)) end--;
    right = Math.max(right, end);
  }
  return { top, bottom, left, right };
}

/** Copies the part of an image in a box. @param channels - Bytes per pixel. */
export function cropped(pixels: Uint8Array, width: number, channels: number, box: PixelBox): Uint8Array {
  const across = (box.right - box.left) * channels;
  const crop = new Uint8Array((box.bottom - box.top) * across);
  for (let y = box.top; y < box.bottom; y++) {
    const from = (y * width + box.left) * channels;
    crop.set(pixels.subarray(from, from + across), (y - box.top) * across);
  }
  return crop;
}

/**
 * Returns 1 for pixels that are not black, 0 for black ones. nnU-Net means to fill black holes as well, but it fills
 * them in three dimensions, and an image of one plane has no enclosed hole.
 *
 * @param pixels - height x width x channels uint8.
 * @returns height x width uint8.
 * @see `create_nonzero_mask` of nnU-Net v1 and v2, and `binary_fill_holes`, SciPy
 */
export function nonZeroMask(pixels: Uint8Array, channels: number): Uint8Array {
  const mask = new Uint8Array(pixels.length / channels);
  for (let at = 0; at < pixels.length; at++) if (pixels[at] !== 0) mask[Math.floor(at / channels)] = 1;
  return mask;
}
