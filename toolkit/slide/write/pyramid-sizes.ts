/** Width and height in px. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

const MAX_LEVELS = 32;

/**
 * Computes the sizes of the levels of a pyramid, the largest first. Each level has half the size of the one before,
 * rounded up; the last is the first whose sides are at most `smallest` px.
 *
 * @param most - Maximum number of levels.
 */
export function pyramidSizes(
  { width, height }: PictureSize,
  smallest: number,
  most = MAX_LEVELS,
): readonly PictureSize[] {
  const sizes = [{ width, height }];
  for (let last = sizes[0]; last !== undefined && sizes.length < most; last = sizes.at(-1)) {
    if (Math.max(last.width, last.height) <= smallest) break;
    sizes.push({ width: Math.ceil(last.width / 2), height: Math.ceil(last.height / 2) });
  }
  return sizes;
}
