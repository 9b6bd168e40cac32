import { NO_LABEL_COLOUR, type Rgb, type TissueLabel } from '../dataset/he-labels.ts';
import { eachPanelPixel, type PanelGrid } from './panel-grid.ts';

/** Colours of the 256 values of a mask, by channel. */
export interface LabelColours {
  readonly red: Uint8Array;
  readonly green: Uint8Array;
  readonly blue: Uint8Array;
  /** 1 if the value is drawn, 0 if it leaves the image unchanged (its colour is then 0). */
  readonly isDrawn: Uint8Array;
}

/**
 * Returns the colour of every mask value; values that are not a label are grey, as in evaluation.py.
 *
 * @param hidden - A value that is not drawn, such as 255 for "not predicted".
 */
export function labelColours(labels: readonly TissueLabel[], hidden?: number): LabelColours {
  const colourOf = (value: number): Rgb => (value === hidden ? [0, 0, 0] : (labels[value]?.colour ?? NO_LABEL_COLOUR));
  const channel = (index: 0 | 1 | 2) => Uint8Array.from({ length: 256 }, (_, value) => colourOf(value)[index]);
  const isDrawn = Uint8Array.from({ length: 256 }, (_, value) => (value === hidden ? 0 : 1));
  return { red: channel(0), green: channel(1), blue: channel(2), isDrawn };
}

/**
 * Draws labels over a panel at half opacity. Each panel pixel is the mean over the image pixels that it covers.
 *
 * @param base - RGBA of the panel, as returned by {@link averageImage}.
 * @param labels - Mask of the whole image, one byte per pixel, row by row.
 * @returns A new RGBA of the panel, row by row.
 */
export function overlayLabels(
  base: Uint8ClampedArray<ArrayBuffer>,
  labels: Uint8Array,
  grid: PanelGrid,
  colours: LabelColours,
): Uint8ClampedArray<ArrayBuffer> {
  const { imageWidth } = grid;
  const { red, green, blue, isDrawn } = colours;
  const pixels = base.slice();
  eachPanelPixel(grid, (index, firstX, endX, firstY, endY) => {
    let reds = 0;
    let greens = 0;
    let blues = 0;
    let drawn = 0;
    for (let y = firstY; y < endY; y++) {
      const end = y * imageWidth + endX;
      for (let k = y * imageWidth + firstX; k < end; k++) {
        const label = labels[k] ?? 0;
        reds += red[label] ?? 0;
        greens += green[label] ?? 0;
        blues += blue[label] ?? 0;
        drawn += isDrawn[label] ?? 0;
      }
    }
    const twice = 2 * (endY - firstY) * (endX - firstX);
    const kept = 1 - drawn / twice;
    const out = 4 * index;
    pixels[out] = (base[out] ?? 0) * kept + reds / twice;
    pixels[out + 1] = (base[out + 1] ?? 0) * kept + greens / twice;
    pixels[out + 2] = (base[out + 2] ?? 0) * kept + blues / twice;
  });
  return pixels;
}
