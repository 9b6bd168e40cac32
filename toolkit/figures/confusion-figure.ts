import type { TopLevelSpec } from 'vega-lite';
import { type ConfusionMatrix, type Normalisation, normaliseConfusion } from '../metrics/confusion-matrix.ts';
import { formatTwoDecimals } from '../numpy.ts';
import { FIGURE_STYLE, LITERAL_COLOUR } from './style.ts';

/** Contrast between text and background that the Web Content Accessibility Guidelines require (level AA). */
export const READABLE_CONTRAST = 4.5;

/** Start of the scale, relative to its maximum: below 0, so that an empty entry is light grey instead of white. */
const LOWEST = -0.25;
const STEPS = 256;

/**
 * Returns the grey of a matrix entry like matplotlib's `gray_r` with `vmin=-0.25`: 204 for 0, black for the maximum.
 *
 * @param value - From 0 to `maximum`.
 * @param maximum - Largest value of the matrix. If it is 0, every entry is drawn as empty.
 * @returns 0 (black) to 255 (white).
 */
export function reversedGrey(value: number, maximum: number): number {
  const share = maximum > 0 ? value / maximum : 0;
  const step = Math.floor(((share - LOWEST) / (1 - LOWEST)) * STEPS);
  return STEPS - 1 - Math.min(STEPS - 1, Math.max(0, step));
}

/** Computes the WCAG contrast ratio of two greys (0..255), from 1 to 21. */
export function contrastOfGreys(one: number, other: number): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

/** Computes the relative luminance of a grey in sRGB, from 0 to 1. */
function luminance(grey: number): number {
  const value = grey / 255;
  return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

/** Formats a grey as a hexadecimal colour for Vega and the canvas. */
export function greyColour(grey: number): string {
  return `#${grey.toString(16).padStart(2, '0').repeat(3)}`;
}

/** The three matrices of a figure, top to bottom. */
const MATRICES: readonly { readonly by: Normalisation; readonly title: string }[] = [
  { by: 'total', title: 'Total Normalized' },
  { by: 'true', title: 'True Label Normalized' },
  { by: 'predicted', title: 'Predicted Label Normalized' },
];

/** Side of a matrix in CSS px. */
const SIDE = 480;
const INKS = { white: 255, black: 0, faint: 0x48 } as const;

/** Everything that a confusion figure shows, with the counts from which it was computed. */
export interface ConfusionFigureData {
  readonly labels: readonly string[];
  /** Pixels; rows are ground truth. */
  readonly counts: readonly (readonly number[])[];
  readonly matrices: readonly {
    readonly title: string;
    readonly normalisedBy: Normalisation;
    readonly shares: readonly (readonly number[])[];
    /** The shares as printed in the figure. */
    readonly texts: readonly (readonly string[])[];
  }[];
}

/**
 * Computes the data of a confusion figure.
 *
 * @param confusion - Counts of `labels`, from which the first (Unannotated) was already dropped.
 */
export function confusionFigureData(confusion: ConfusionMatrix, labels: readonly string[]): ConfusionFigureData {
  const matrices = MATRICES.map(({ by, title }) => {
    const shares = normaliseConfusion(confusion, by);
    return { title, normalisedBy: by, shares, texts: shares.map((row) => row.map(formatTwoDecimals)) };
  });
  return { labels, counts: confusion.toRows(), matrices };
}

/**
 * Returns the figure of three matrices, stacked like `cm_all.png` and `cm_til_use_case.png` of evaluation.py: reversed
 * grey, each scaled by its own maximum, shares with two decimals.
 *
 * The authors' text is always white, with a contrast of 1.6:1 on an empty entry. Here the contrast is at least 4.5:1:
 * text is white on dark entries and otherwise black, and "0.00" is dark grey so that other values stand out.
 *
 * @param subject - What the matrices show, for the alternative text.
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
