import { HE_LABELS } from '../dataset/he-labels.js';
import { panelText, placeTitle } from './panel-layout.js';
export const PANEL_TITLES = ['Input image', 'Ground truth', 'Prediction'];
export const LEGEND_TITLE = 'Labels';
/**
 * Lays a case figure out: a title, three panels side by side, the strip of labels on the right.
 *
 * Text grows with the panels: beside the panels it is then as large as in the authors' figure, in which a label is
 * 20 px high and the figure 1,983 px wide.
 *
 * @param panel - Size of a panel in px.
 * @param context - Measures text.
 */
export function caseLayout(title, panel, context) {
    const text = panelText(panel, context);
    const { size: textSize, font, widthOf } = text;
    const margin = textSize;
    const slot = Math.max(panel.width, ...PANEL_TITLES.map((text) => widthOf(text, 1.2) + margin));
    const legendWidth = 2 * textSize + Math.max(...HE_LABELS.map(({ name }) => widthOf(name, 1)));
    const rowHeight = Math.round(Math.min(1.7 * textSize, Math.max(1.3 * textSize, panel.height / HE_LABELS.length)));
    const panelTitleY = Math.round(4.3 * textSize);
    const top = panelTitleY + textSize;
    const content = Math.max(panel.height, rowHeight * HE_LABELS.length);
    const slots = 3 * slot + 3 * margin;
    const width = 2 * margin + slots + legendWidth;
    const y = top + Math.floor((content - panel.height) / 2);
    return {
        width,
        height: top + content + margin,
        title: placeTitle(title, width, text),
        panelTitleFont: font(1.2),
        panelTitleY: panelTitleY + y - top,
        panels: PANEL_TITLES.map((_, k) => ({ x: margin + k * (slot + margin) + Math.floor((slot - panel.width) / 2), y })),
        legend: {
            x: margin + slots,
            y: top + Math.floor((content - rowHeight * HE_LABELS.length) / 2),
            rowHeight,
            font: font(1),
        },
        textSize,
    };
}
