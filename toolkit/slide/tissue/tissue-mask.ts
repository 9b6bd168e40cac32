/** Mask of the square blocks of an image that contain tissue. */
export interface TissueMask {
  /** Side of a block, px of the image. */
  readonly block: number;
  /** Blocks across. */
  readonly width: number;
  /** Blocks down. */
  readonly height: number;
  /** height x width; non-zero for tissue. */
  readonly data: Uint8Array;
}

/** Summed-area table of tissue blocks: tests a rectangle of any size in constant time. */
export class TissueCounts {
  readonly #mask: TissueMask;
  /** (height + 1) x (width + 1): number of tissue blocks above and to the left. */
  readonly #sums: Uint32Array;

  constructor(mask: TissueMask) {
    const { width, height, data } = mask;
    this.#mask = mask;
    this.#sums = new Uint32Array((width + 1) * (height + 1));
    for (let y = 0; y < height; y++) {
      let row = 0;
      for (let x = 0; x < width; x++) {
        row += data[y * width + x] === 0 ? 0 : 1;
        this.#sums[(y + 1) * (width + 1) + x + 1] = (this.#sums[y * (width + 1) + x + 1] ?? 0) + row;
      }
    }
  }

  /** Returns whether a rectangle of the image (px, ends excluded) touches a block of tissue. */
  touches(left: number, top: number, right: number, bottom: number): boolean {
    const { block, width, height } = this.#mask;
    const clamp = (value: number, most: number) => Math.min(most, Math.max(0, value));
    const [x1, y1] = [clamp(Math.floor(left / block), width), clamp(Math.floor(top / block), height)];
    const [x2, y2] = [clamp(Math.ceil(right / block), width), clamp(Math.ceil(bottom / block), height)];
    const at = (x: number, y: number) => this.#sums[y * (width + 1) + x] ?? 0;
    return x2 > x1 && y2 > y1 && at(x2, y2) - at(x1, y2) - at(x2, y1) + at(x1, y1) > 0;
  }
}

/** Returns whether a pixel of the image is in a block of tissue. */
export function isTissue({ block, width, height, data }: TissueMask, x: number, y: number): boolean {
  const [column, row] = [Math.floor(x / block), Math.floor(y / block)];
  return column < width && row < height && data[row * width + column] !== 0;
}
