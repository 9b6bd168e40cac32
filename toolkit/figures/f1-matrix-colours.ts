import type { Rgb } from '../dataset/tissue-labels.ts';

/** Colour scale from pale to dark. */
export type SequentialScale = 'Blues' | 'Reds';

/** Nine-class scales of ColorBrewer (Brewer, Harrower, Pennsylvania State University), evenly spaced from 0 to 1. */
const STOPS: Readonly<Record<SequentialScale, readonly Rgb[]>> = {
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

const STEPS = 256;

/** Returns the colour of a value from 0 to 1, in 256 steps like matplotlib. */
export function sequentialColour(scale: SequentialScale, value: number): Rgb {
  const stops = STOPS[scale];
  const step = Math.min(STEPS - 1, Math.max(0, Math.floor(value * STEPS)));
  const position = (step / (STEPS - 1)) * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(position));
  const channel = (index: 0 | 1 | 2) => {
    const [from = 0, to = 0] = [stops[below]?.[index], stops[below + 1]?.[index]];
    return Math.round(from + (to - from) * (position - below));
  };
  return [channel(0), channel(1), channel(2)];
}

/** Computes the WCAG contrast ratio of two colours, from 1 to 21. */
export function contrastOf(one: Rgb, other: Rgb): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

/** Computes the relative luminance of a colour in sRGB, from 0 to 1. */
function luminance([red, green, blue]: Rgb): number {
  const linear = (channel: number) => {
    const value = channel / 255;
    return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}
