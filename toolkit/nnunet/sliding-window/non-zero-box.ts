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
 * Returns 1 for pixels that are not black and for black ones that they enclose; 0 for black ones that are connected to
 * the border (by edges, not corners).
 *
 * @param pixels - height x width x channels uint8.
 * @returns height x width uint8.
 * @see `binary_fill_holes`, SciPy
 */
export function filledNonZero(pixels: Uint8Array, width: number, height: number, channels = 3): Uint8Array {
  const inside = new Uint8Array(width * height).fill(1);
  const isBlack = (pixel: number): boolean => {
    for (let at = channels * pixel; at < channels * (pixel + 1); at++) if (pixels[at] !== 0) return false;
    return true;
  };
  const waiting: number[] = [];
  const visit = (pixel: number): void => {
    if (inside[pixel] === 0 || !isBlack(pixel)) return;
    inside[pixel] = 0;
    waiting.push(pixel);
  };
  for (let x = 0; x < width; x++) {
    visit(x);
    visit((height - 1) * width + x);
  }
  for (let y = 0; y < height; y++) {
    visit(y * width);
    visit(y * width + width - 1);
  }
  for (let pixel = waiting.pop(); pixel !== undefined; pixel = waiting.pop()) {
    const x = pixel % width;
    if (x > 0) visit(pixel - 1);
    if (x < width - 1) visit(pixel + 1);
    if (pixel >= width) visit(pixel - width);
    if (pixel + width < inside.length) visit(pixel + width);
  }
  return inside;
}
