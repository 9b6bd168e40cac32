import { FIGURE_FONT } from './fonts.js';
/**
 * The longest round length (1, 2 or 5 times a power of ten) that is at most a quarter of `width`, both in µm.
 */
export function roundLength(width) {
    const longest = width / 4;
    const power = 10 ** Math.floor(Math.log10(longest));
    const lead = [5, 2].find((digit) => digit * power <= longest) ?? 1;
    return lead * power;
}
/**
 * Draws a scale bar with its length into the lower left corner of a panel, on a pale plate so that it can be read on
 * any tissue. A panel too narrow for the text gets none.
 *
 * @param panel - Place and size of the panel in px, and what its width is in µm.
 * @param textSize - Height of the text in px.
 */
export function drawScaleBar(context, panel, textSize) {
    const micrometres = roundLength(panel.micrometres);
    const length = (micrometres / panel.micrometres) * panel.width;
    const text = `${micrometres} µm`;
    context.font = `${textSize}px ${FIGURE_FONT}`;
    const plateWidth = Math.ceil(Math.max(length, context.measureText(text).width) + textSize);
    const plateHeight = Math.ceil(2 * textSize);
    if (plateWidth > panel.width / 2 || plateHeight > panel.height / 2)
        return;
    const inset = Math.round(textSize / 2);
    const x = panel.x + inset;
    const y = panel.y + panel.height - inset - plateHeight;
    context.fillStyle = 'rgba(255, 255, 255, 0.75)';
    context.fillRect(x, y, plateWidth, plateHeight);
    context.fillStyle = 'black';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(text, x + plateWidth / 2, y + 0.75 * textSize);
    context.fillRect(x + (plateWidth - length) / 2, y + 1.5 * textSize, length, Math.max(2, textSize / 6));
}
