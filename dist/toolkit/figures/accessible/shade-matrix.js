import { FIGURE_STYLE, LITERAL_COLOUR } from '../vega-style.js';
import { cssOf, inkOn, shadeOf } from './shades.js';
const CELL = 46;
const NOTHING = '#ffffff';
/** Cells that grow darker with their value, one above the other where there are several, each with its number. */
export function shadeMatrices(subject, matrices) {
    return {
        ...FIGURE_STYLE,
        description: `${subject}: ${matrices.map(describe).join(' ')}`,
        spacing: 30,
        vconcat: matrices.map((matrix) => ({
            title: { text: matrix.title, anchor: 'start' },
            width: matrix.columns.length * CELL,
            height: matrix.rows.length * CELL,
            view: { stroke: null },
            data: { values: cellsOf(matrix) },
            encoding: {
                x: axisOf('column', matrix.columns, matrix.columnTitle, -45),
                y: axisOf('row', matrix.rows, matrix.rowTitle, 0),
            },
            layer: [
                {
                    mark: { type: 'rect', aria: false, stroke: '#bbb', strokeWidth: 0.5 },
                    encoding: { fill: { field: 'fill', ...LITERAL_COLOUR } },
                },
                {
                    mark: { type: 'text', aria: false, fontSize: 15 },
                    encoding: { text: { field: 'text', type: 'nominal' }, color: { field: 'ink', ...LITERAL_COLOUR } },
                },
            ],
        })),
    };
}
function axisOf(field, names, title, labelAngle) {
    return {
        field,
        type: 'nominal',
        sort: [...names],
        title,
        scale: { padding: 0 },
        axis: { labelAngle, labelFontSize: 13, titleFontSize: 13, domain: false, ticks: false },
    };
}
function cellsOf({ rows, columns, values, texts }) {
    return rows.flatMap((row, i) => columns.map((column, j) => {
        const value = values[i]?.[j] ?? null;
        const fill = value === null ? undefined : shadeOf(value);
        return {
            row,
            column,
            text: texts[i]?.[j] ?? '',
            fill: fill === undefined ? NOTHING : cssOf(fill),
            ink: fill === undefined ? 'black' : cssOf(inkOn(fill)),
        };
    }));
}
/** What a person needs who does not see it: the largest cells of every row. */
function describe({ title, rows, columns, values, texts }) {
    const said = rows.flatMap((row, i) => {
        const cells = columns.map((column, j) => ({ column, value: values[i]?.[j] ?? -1, text: texts[i]?.[j] ?? '' }));
        const [largest] = cells.filter(({ text }) => text !== '').sort((a, b) => b.value - a.value);
        return largest === undefined ? [] : [`${row}: mostly ${largest.column} (${largest.text})`];
    });
    return `${title}. ${said.join('; ')}.`;
}
