import { contrastOf } from '../f1-matrix-colours.js';
/** Five places of a scale of one hue that grows darker for every eye, from 0 to 1. */
const STOPS = [
    [255, 255, 255],
    [203, 217, 234],
    [130, 162, 200],
    [62, 100, 152],
    [8, 38, 84],
];
const BLACK = [0, 0, 0];
const WHITE = [255, 255, 255];
/** The colour of a value from 0 (light) to 1 (dark), so that an empty cell is the lightest. */
export function shadeOf(value) {
    const place = Math.min(1, Math.max(0, value)) * (STOPS.length - 1);
    const below = Math.min(STOPS.length - 2, Math.floor(place));
    const channel = (index) => {
        const [from = 0, to = 0] = [STOPS[below]?.[index], STOPS[below + 1]?.[index]];
        return Math.round(from + (to - from) * (place - below));
    };
    return [channel(0), channel(1), channel(2)];
}
/** Black or white, whichever is read better on a colour: 4.5:1 at least, whatever the colour. */
export function inkOn(fill) {
    return contrastOf(BLACK, fill) >= contrastOf(WHITE, fill) ? BLACK : WHITE;
}
export function cssOf(colour) {
    return `rgb(${colour.join(', ')})`;
}
