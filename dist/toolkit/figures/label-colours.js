import { NO_LABEL_COLOUR } from '../dataset/he-labels.js';
/**
 * The colour of every mask value; values that are no label are grey, as in evaluation.py.
 *
 * @param hidden - A value that is not drawn, such as 255 for "not predicted".
 */
export function labelColours(labels, hidden) {
    const colourOf = (value) => (value === hidden ? [0, 0, 0] : (labels[value]?.colour ?? NO_LABEL_COLOUR));
    const channel = (index) => Uint8Array.from({ length: 256 }, (_, value) => colourOf(value)[index]);
    const isDrawn = Uint8Array.from({ length: 256 }, (_, value) => (value === hidden ? 0 : 1));
    return { red: channel(0), green: channel(1), blue: channel(2), isDrawn };
}
