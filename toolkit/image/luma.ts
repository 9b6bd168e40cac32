/** Weights of red, green and blue in the luma of Rec. 601, in 65536ths, as in Pillow. */
const [RED, GREEN, BLUE] = [19_595, 38_470, 7_471] as const;

/** Computes the luma of a colour, 0 to 255, rounded like Pillow's `convert('L')`. For grey, it is the grey value. */
export function lumaOf(red: number, green: number, blue: number): number {
  return Math.floor((red * RED + green * GREEN + blue * BLUE + 0x8000) / 0x10000);
}

/**
 * Replaces every colour with its luma, in place.
 *
 * @param rgb - pixels x 3 uint8.
 */
export function turnIntoLuma(rgb: Uint8Array): void {
  for (let at = 0; at < rgb.length; at += 3) {
    rgb.fill(lumaOf(rgb[at] ?? 0, rgb[at + 1] ?? 0, rgb[at + 2] ?? 0), at, at + 3);
  }
}
