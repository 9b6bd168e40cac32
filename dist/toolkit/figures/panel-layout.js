import { FIGURE_FONT } from './fonts.js';
/**
 * Text that grows with the panels, within limits.
 *
 * @param panel - Size of a panel in px.
 * @param context - Measures text.
 */
export function panelText(panel, context) {
    const size = Math.round(Math.min(34, Math.max(20, Math.max(panel.width, panel.height) / 28)));
    const font = (scale) => `${Math.round(size * scale)}px ${FIGURE_FONT}`;
    const widthOf = (text, scale) => {
        context.font = font(scale);
        return Math.ceil(context.measureText(text).width);
    };
    return { size, font, widthOf };
}
/** The title of a figure, in the middle of its width and no wider than it. */
export function placeTitle(title, width, { size, font, widthOf }) {
    const scale = Math.min(1.7, (1.7 * (width - 2 * size)) / widthOf(title, 1.7));
    return { x: Math.round(width / 2), y: Math.round(1.8 * size), font: font(scale) };
}
