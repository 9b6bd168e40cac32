/** Contrast between text and what is behind it that the Web Content Accessibility Guidelines ask for (level AA). */
export const READABLE_CONTRAST = 4.5;
/** The scale begins a quarter of its maximum below 0, so that an empty cell is light grey, not white. */
const LOWEST = -0.25;
const STEPS = 256;
/**
 * Grey of a matrix cell, as matplotlib's `gray_r` with `vmin=-0.25` draws it: 204 for 0, black for the maximum.
 *
 * @param value - From 0 to `maximum`.
 * @param maximum - Largest value of the matrix. When it is 0, every cell is drawn as empty.
 * @returns 0 (black) to 255 (white).
 */
export function reversedGrey(value, maximum) {
    const share = maximum > 0 ? value / maximum : 0;
    const step = Math.floor(((share - LOWEST) / (1 - LOWEST)) * STEPS);
    return STEPS - 1 - Math.min(STEPS - 1, Math.max(0, step));
}
/** WCAG contrast ratio of two greys (0..255), from 1 to 21. */
export function contrastOfGreys(one, other) {
    const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (lighter + 0.05) / (darker + 0.05);
}
/** Relative luminance of a grey in sRGB, from 0 to 1. */
function luminance(grey) {
    const value = grey / 255;
    return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}
/** A grey as Vega and the canvas read it. */
export function greyColour(grey) {
    return `#${grey.toString(16).padStart(2, '0').repeat(3)}`;
}
