import type { Rgb } from '../dataset/tissue-labels.ts';

/** Colour scale from pale to dark. */
export type SequentialScale = 'Blues' | 'Reds';

/** Nine-class scales of ColorBrewer (Brewer, Harrower, Pennsylvania State University), evenly spaced from 0 to 1. */
const BREWER_STOPS: Readonly<Record<SequentialScale, readonly Rgb[]>> = {
  Blues: [
    [247, 251, 255],
    [222, 235, 247],
    [198, 219, 239],
    [158, 202, 225],
    [107, 174, 214],
    [66, 146, 198],
    [33, 113, 181],
    [8, 81, 156],
    [8, 48, 107],
  ],
  Reds: [
    [255, 245, 240],
    [254, 224, 210],
    [252, 187, 161],
    [252, 146, 114],
    [251, 106, 74],
    [239, 59, 44],
    [203, 24, 29],
    [165, 15, 21],
    [103, 0, 13],
  ],
};

/** Colours of a scale of matplotlib. */
const STEPS = 256;

/** Returns the colour of a value from 0 to 1, in 256 steps like matplotlib. */
export function sequentialColour(scale: SequentialScale, value: number): Rgb {
  const step = Math.min(STEPS - 1, Math.max(0, Math.floor(value * STEPS)));
  const stops = BREWER_STOPS[scale];
  return colourAt(stops, (step / (STEPS - 1)) * (stops.length - 1));
}

/** Start of the grey scale, relative to its maximum: below 0, so that an empty entry is light grey instead of white. */
const LOWEST = -0.25;

/**
 * Returns the grey of a matrix entry like matplotlib's `gray_r` with `vmin=-0.25`: 204 for 0, black for the maximum.
 *
 * @param value - From 0 to `maximum`.
 * @param maximum - Largest value of the matrix. If it is 0, every entry is drawn as empty.
 * @returns 0 (black) to 255 (white).
 */
export function reversedGrey(value: number, maximum: number): number {
  const share = maximum > 0 ? value / maximum : 0;
  const step = Math.floor(((share - LOWEST) / (1 - LOWEST)) * STEPS);
  return STEPS - 1 - Math.min(STEPS - 1, Math.max(0, step));
}

/** Formats a colour for Vega and the canvas. */
export function cssColour(colour: Rgb): string {
  return `rgb(${colour.join(', ')})`;
}

/** Formats a grey as a hexadecimal colour for Vega and the canvas. */
export function greyColour(grey: number): string {
  return `#${grey.toString(16).padStart(2, '0').repeat(3)}`;
}

/** Five stops of a single-hue scale from 0 (light) to 1 (dark), for figures that are readable without colour. */
const SHADE_STOPS: readonly Rgb[] = [
  [255, 255, 255],
  [203, 217, 234],
  [130, 162, 200],
  [62, 100, 152],
  [8, 38, 84],
];
const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];

/** Returns the colour of a value from 0 (lightest, as for an empty entry) to 1 (darkest). */
export function shadeOf(value: number): Rgb {
  return colourAt(SHADE_STOPS, Math.min(1, Math.max(0, value)) * (SHADE_STOPS.length - 1));
}

/** Returns black or white, whichever has more contrast on a colour; this is at least 4.5:1 for any colour. */
export function inkOn(fill: Rgb): Rgb {
  return contrastOf(BLACK, fill) >= contrastOf(WHITE, fill) ? BLACK : WHITE;
}

/** Interpolates between stops. @param position - From 0 (the first) to the index of the last stop. */
function colourAt(stops: readonly Rgb[], position: number): Rgb {
  const below = Math.min(stops.length - 2, Math.floor(position));
  const channel = (index: 0 | 1 | 2) => {
    const [from = 0, to = 0] = [stops[below]?.[index], stops[below + 1]?.[index]];
    return Math.round(from + (to - from) * (position - below));
  };
  return [channel(0), channel(1), channel(2)];
}

/** Contrast between text and background that the Web Content Accessibility Guidelines require (level AA). */
export const READABLE_CONTRAST = 4.5;

/** Computes the WCAG contrast ratio of two colours, from 1 to 21. */
export function contrastOf(one: Rgb, other: Rgb): number {
  return contrastBetween(luminance(one), luminance(other));
}

/** Computes the WCAG contrast ratio of two greys (0..255), from 1 to 21. */
export function contrastOfGreys(one: number, other: number): number {
  return contrastBetween(linear(one), linear(other));
}

function contrastBetween(one: number, other: number): number {
  const [darker = 0, lighter = 0] = [one, other].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

/** Computes the relative luminance of a colour in sRGB, from 0 to 1. */
function luminance([red, green, blue]: Rgb): number {
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

/** Converts a channel of sRGB (0..255) to linear light, from 0 to 1; for a grey, this is its relative luminance. */
function linear(channel: number): number {
  const value = channel / 255;
  return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}
