import type { TopLevelSpec } from 'vega-lite';
import type { Rgb } from '../dataset/tissue-labels.ts';
import { contrastOf } from './f1-matrix-colours.ts';
import { FIGURE_STYLE, LITERAL_COLOUR } from './style.ts';

/** Five stops of a single-hue scale from 0 (light) to 1 (dark). */
const STOPS: readonly Rgb[] = [
  [255, 255, 255],
  [203, 217, 234],
  [130, 162, 200],
  [62, 100, 152],
  [8, 38, 84],
];
const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];

/** Returns the colour of a value from 0 (lightest, as for an empty entry) to 1 (darkest). */
export function shadeOf(value: number): Rgb {
  const position = Math.min(1, Math.max(0, value)) * (STOPS.length - 1);
  const below = Math.min(STOPS.length - 2, Math.floor(position));
  const channel = (index: 0 | 1 | 2) => {
    const [from = 0, to = 0] = [STOPS[below]?.[index], STOPS[below + 1]?.[index]];
    return Math.round(from + (to - from) * (position - below));
  };
  return [channel(0), channel(1), channel(2)];
}

/** Returns black or white, whichever has more contrast on a colour; this is at least 4.5:1 for any colour. */
export function inkOn(fill: Rgb): Rgb {
  return contrastOf(BLACK, fill) >= contrastOf(WHITE, fill) ? BLACK : WHITE;
}

function cssOf(colour: Rgb): string {
  return `rgb(${colour.join(', ')})`;
}

/** A matrix to draw. */
export interface ShadeMatrix {
  readonly title: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly rowTitle: string;
  readonly columnTitle: string;
  /** Values from 0 to 1, row by row; null for no entry. */
  readonly values: readonly (readonly (number | null)[])[];
  /** Texts in the entries; empty where nothing is printed. */
  readonly texts: readonly (readonly string[])[];
}

/** Side of an entry in px, for up to two characters and for more. */
const SMALL_CELL = 36;
const LARGE_CELL = 46;
const NOTHING = '#ffffff';

/** Returns the figure of a matrix whose entries are darker the larger their value, each with its number. */
export function shadeMatrix(subject: string, matrix: ShadeMatrix): TopLevelSpec {
  const isShort = matrix.texts.every((row) => row.every((text) => text.length <= 2));
  const cell = isShort ? SMALL_CELL : LARGE_CELL;
  return {
    ...FIGURE_STYLE,
    description: `${subject}: ${describe(matrix)}`,
    title: { text: matrix.title, anchor: 'start' },
    width: matrix.columns.length * cell,
    height: matrix.rows.length * cell,
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
  };
}

function axisOf(field: string, names: readonly string[], title: string, labelAngle: number) {
  return {
    field,
    type: 'nominal',
    sort: [...names],
    title,
    scale: { padding: 0 },
    axis: { labelAngle, labelFontSize: 13, titleFontSize: 13, domain: false, ticks: false },
  } as const;
}

function cellsOf({ rows, columns, values, texts }: ShadeMatrix) {
  return rows.flatMap((row, i) =>
    columns.map((column, j) => {
      const value = values[i]?.[j] ?? null;
      const fill = value === null ? undefined : shadeOf(value);
      return {
        row,
        column,
        text: texts[i]?.[j] ?? '',
        fill: fill === undefined ? NOTHING : cssOf(fill),
        ink: fill === undefined ? 'black' : cssOf(inkOn(fill)),
      };
    }),
  );
}

/** Describes the matrix for screen readers: the largest entry of every row. */
function describe({ title, rows, columns, values, texts }: ShadeMatrix): string {
  const said = rows.flatMap((row, i) => {
    const cells = columns.map((column, j) => ({ column, value: values[i]?.[j] ?? -1, text: texts[i]?.[j] ?? '' }));
    const [largest] = cells.filter(({ text }) => text !== '').sort((a, b) => b.value - a.value);
    return largest === undefined ? [] : [`${row}: mostly ${largest.column} (${largest.text})`];
  });
  return `${title}. ${said.join('; ')}.`;
}
