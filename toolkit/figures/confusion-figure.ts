import type { TopLevelSpec } from 'vega-lite';
import type { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import { type Normalisation, normaliseConfusion } from '../metrics/normalise-confusion.ts';
import { formatTwoDecimals } from '../metrics/round-as-python.ts';
import { contrastOfGreys, greyColour, READABLE_CONTRAST, reversedGrey } from './grey.ts';
import { FIGURE_STYLE, LITERAL_COLOUR } from './vega-style.ts';

/** The three matrices of a figure, top to bottom. */
const MATRICES: readonly { readonly by: Normalisation; readonly title: string }[] = [
  { by: 'total', title: 'Total Normalized' },
  { by: 'true', title: 'True Label Normalized' },
  { by: 'predicted', title: 'Predicted Label Normalized' },
];

/** Side of a matrix in CSS px. */
const SIDE = 480;
const INKS = { white: 255, black: 0, faint: 0x48 } as const;

/** Everything that a confusion figure shows, and what it was computed from. */
export interface ConfusionFigureData {
  readonly labels: readonly string[];
  /** Pixels; rows are truth. */
  readonly counts: readonly (readonly number[])[];
  readonly matrices: readonly {
    readonly title: string;
    readonly normalisedBy: Normalisation;
    readonly shares: readonly (readonly number[])[];
    /** The shares as printed in the cells. */
    readonly texts: readonly (readonly string[])[];
  }[];
}

/** @param confusion - Counts of `labels`, the first (Unannotated) already dropped. */
export function confusionFigureData(confusion: ConfusionMatrix, labels: readonly string[]): ConfusionFigureData {
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
export function confusionFigure(data: ConfusionFigureData, subject: string): TopLevelSpec {
  const { labels } = data;
  const axis = { field: '', type: 'nominal', sort: [...labels], scale: { padding: 0 } } as const;
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

function cellsOf(
  shares: ConfusionFigureData['counts'],
  texts: readonly (readonly string[])[],
  labels: readonly string[],
) {
  const maximum = Math.max(...shares.flat());
  return shares.flatMap((row, truth) =>
    row.map((share, prediction) => {
      const grey = reversedGrey(share, maximum);
      const text = texts[truth]?.[prediction] ?? '';
      return {
        true: labels[truth] ?? '',
        predicted: labels[prediction] ?? '',
        text,
        fill: greyColour(grey),
        ink: greyColour(inkOn(grey, text === '0.00')),
      };
    }),
  );
}

function inkOn(grey: number, isFaint: boolean): number {
  const preferred = isFaint ? [INKS.faint, INKS.white] : [INKS.white];
  return preferred.find((ink) => contrastOfGreys(ink, grey) >= READABLE_CONTRAST) ?? INKS.black;
}
