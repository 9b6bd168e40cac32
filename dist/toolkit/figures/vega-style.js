import { FIGURE_FONT } from './fonts.js';
const AXIS = { domainColor: 'black', tickColor: 'black', labelColor: 'black', titleColor: 'black' };
const CONFIG = {
    font: FIGURE_FONT,
    title: { fontSize: 16.5, fontWeight: 'normal', color: 'black', anchor: 'middle', offset: 8 },
    axis: {
        ...AXIS,
        grid: false,
        labelFontSize: 10.5,
        titleFontSize: 12,
        titleFontWeight: 'normal',
        labelLimit: 0,
        labelPadding: 4,
        titlePadding: 8,
    },
};
/** What all our Vega-Lite figures share: the authors' plain black on white, in the shipped font. */
export const FIGURE_STYLE = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    padding: 10,
    config: CONFIG,
};
/** The field holds colours themselves, not values to find colours for. */
export const LITERAL_COLOUR = { type: 'nominal', scale: null };
