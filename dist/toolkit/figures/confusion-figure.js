import { normaliseConfusion } from '../metrics/normalise-confusion.js';
import { formatTwoDecimals } from '../metrics/round-as-python.js';
import { contrastOfGreys, greyColour, READABLE_CONTRAST, reversedGrey } from './grey.js';
import { FIGURE_STYLE, LITERAL_COLOUR } from './vega-style.js';
/** The three matrices of a figure, top to bottom. */
const MATRICES = [
    { by: 'total', title: 'Total Normalized' },
    { by: 'true', title: 'True Label Normalized' },
    { by: 'predicted', title: 'Predicted Label Normalized' },
];
/** Side of a matrix in CSS px. */
const SIDE = 480;
const INKS = { white: 255, black: 0, faint: 0x48 };
/** @param confusion - Counts of `labels`, the first (Unannotated) already dropped. */
export function confusionFigureData(confusion, labels) {
    const matrices = MATRICES.map(({ by, title }) => {
        const shares = normaliseConfusion(confusion, by);
        return { title, normalisedBy: by, shares, texts: shares.map((row) => row.map(formatTwoDecimals)) };
    });
    return { labels, counts: confusion.toRows(), matrices };
}
/**
 * The three matrices one above the other, as `cm_all.png` and `cm_til_use_case.png` of evaluation.py: reversed grey,
 * each scaled by its own maximum, shares with two decimals.
 *
 * The authors' text is white everywhere, 1.6:1 on an empty cell. Here it keeps 4.5:1 or more: white where the cell is
 * dark enough, otherwise black, and a dark grey for "0.00" so that what is there stands out.
 *
 * @param subject - What the matrices are of, for the alternative text.
 */
export function confusionFigure(data, subject) {
    const { labels } = data;
    const axis = { field: '', type: 'nominal', sort: [...labels], scale: { padding: 0 } };
    return {
        ...FIGURE_STYLE,
        description: `Confusion of ${subject}: rows are true labels, columns predicted labels, shares of pixels.`,
        spacing: 24,
        vconcat: data.matrices.map((matrix) => ({
            title: matrix.title,
            width: SIDE,
            height: SIDE,
            view: { stroke: 'black' },
            data: { values: cellsOf(matrix.shares, matrix.texts, labels) },
            encoding: {
                x: { ...axis, field: 'predicted', title: 'Predicted Labels', axis: { labelAngle: -90 } },
                y: { ...axis, field: 'true', title: 'True Labels' },
            },
            layer: [
                { mark: { type: 'rect', aria: false }, encoding: { color: { field: 'fill', ...LITERAL_COLOUR } } },
                {
                    mark: { type: 'text', aria: false, fontSize: labels.length > 10 ? 11 : 15 },
                    encoding: { text: { field: 'text', type: 'nominal' }, color: { field: 'ink', ...LITERAL_COLOUR } },
                },
            ],
        })),
    };
}
function cellsOf(shares, texts, labels) {
    const maximum = Math.max(...shares.flat());
    return shares.flatMap((row, truth) => row.map((share, prediction) => {
        const grey = reversedGrey(share, maximum);
        const text = texts[truth]?.[prediction] ?? '';
        return {
            true: labels[truth] ?? '',
            predicted: labels[prediction] ?? '',
            text,
            fill: greyColour(grey),
            ink: greyColour(inkOn(grey, text === '0.00')),
        };
    }));
}
function inkOn(grey, isFaint) {
    const preferred = isFaint ? [INKS.faint, INKS.white] : [INKS.white];
    return preferred.find((ink) => contrastOfGreys(ink, grey) >= READABLE_CONTRAST) ?? INKS.black;
}
