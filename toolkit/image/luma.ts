/** Weights of red, green and blue in the luma of Rec. 601, as Pillow has them: of 65536. */
const [RED, GREEN, BLUE] = [19_595, 38_470, 7_471] as const;

/** The luma of a colour, 0 to 255, as Pillow's `convert('L')` rounds it; of grey, its value. */
export function lumaOf(red: number, green: number, blue: number): number {
  return Math.floor((red * RED + green * GREEN + blue * BLUE + 0x8000) / 0x10000);
}

/**
 * Replaces every colour by its luma, in place.
 *
 * @param rgb - pixels x 3 uint8.
 */
export function turnIntoLuma(rgb: Uint8Array): void {
  for (let at = 0; at < rgb.length; at += 3) {
    rgb.fill(lumaOf(rgb[at] ?? 0, rgb[at + 1] ?? 0, rgb[at + 2] ?? 0), at, at + 3);
  }
}
