import { formatTwoDecimals } from '../metrics/round-as-python.js';
import { contrastOf, sequentialColour } from './f1-matrix-colours.js';
import { FIGURE_STYLE, LITERAL_COLOUR } from './vega-style.js';
/** Side of a cell in CSS px. */
const CELL = 76;
const DIAGONAL = '#f2f2f2';
const WHITE = [255, 255, 255];
const SOFT_BLACK = [38, 38, 38];
/** From 24 CSS px on, text counts as large: 3:1 is enough for it. */
const TEXT_SIZE = 24;
const LARGE_TEXT_CONTRAST = 3;
/** Stands where the readers have no image in common. */
const NOTHING = '–';
/** What `f1_scores_<group>.png` shows of a group. */
export function f1MatrixData(title, scale, { readers, f1 }) {
    const macro = f1['macro'] ?? [];
    const texts = readers.map((_, row) => readers.map((_, column) => {
        if (column >= row)
            return '';
        const value = macro[column]?.[row] ?? null;
        return value === null ? NOTHING : formatTwoDecimals(value);
    }));
    return { title, readers, labels: readers.map(shortName), scale, f1: macro, texts };
}
/**
 * The lower triangle of the mean F1, as the authors' inference_utils.py draws it: columns are truths, rows predictions,
 * colours from 0 to 1 of the rounded values, the diagonal grey.
 *
 * A pair without images has a dash; the authors' figure shows 0.00 there. White text gives way to a soft black
 * where its contrast would be below 3:1.
 */
export function f1Matrix(data) {
    const { labels, title } = data;
    const axis = { type: 'nominal', sort: [...labels], title: null, scale: { padding: 0 } };
    const side = labels.length * CELL;
    const ticks = { domain: false, labelFontSize: 21, labelAngle: 0, tickSize: 6, labelPadding: 5 };
    return {
        ...FIGURE_STYLE,
        description: `${title}: mean F1 over the classes of every pair; columns are taken as truth, rows as prediction.`,
        title: { text: title, fontWeight: 'bold', fontSize: 20, anchor: 'middle', offset: 10 },
        width: side,
        height: side,
        view: { stroke: null },
        data: { values: cellsOf(data) },
        encoding: {
            x: { ...axis, field: 'truth', axis: ticks },
            y: { ...axis, field: 'prediction', axis: ticks },
        },
        layer: [
            {
                mark: { type: 'rect', aria: false, stroke: 'white', strokeWidth: 1 },
                encoding: { fill: { field: 'fill', ...LITERAL_COLOUR } },
            },
            {
                mark: { type: 'text', aria: false, fontSize: TEXT_SIZE },
                encoding: { text: { field: 'text', type: 'nominal' }, color: { field: 'ink', ...LITERAL_COLOUR } },
            },
        ],
    };
}
function cellsOf({ labels, scale, texts }) {
    return labels.flatMap((prediction, row) => labels.slice(0, row + 1).map((truth, column) => {
        const text = texts[row]?.[column] ?? '';
        if (text === '' || text === NOTHING)
            return { truth, prediction, text, fill: DIAGONAL, ink: 'black' };
        const fill = sequentialColour(scale, Number(text));
        return { truth, prediction, text, fill: css(fill), ink: css(readableOn(fill)) };
    }));
}
function readableOn(fill) {
    return contrastOf(WHITE, fill) >= LARGE_TEXT_CONTRAST ? WHITE : SOFT_BLACK;
}
function css(colour) {
    return `rgb(${colour.join(', ')})`;
}
const ROMAN = ['ᵢ', 'ᵢᵢ', 'ᵢᵢᵢ', 'ᵢᵥ'];
const DIGITS = [...'₀₁₂₃₄₅₆₇₈₉'];
/** "reader P4" is P₄, "reader R4" is Rᵢᵥ as in the paper; other names stay. */
function shortName(reader) {
    const [, letter, number = ''] = /([PR])(\d+)$/.exec(reader) ?? [];
    if (letter === undefined)
        return reader;
    const subscript = letter === 'R' ? ROMAN[Number(number) - 1] : undefined;
    return `${letter}${subscript ?? [...number].map((digit) => DIGITS[Number(digit)] ?? digit).join('')}`;
}
