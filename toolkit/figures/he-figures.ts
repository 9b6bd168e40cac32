import { join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { HE_LABELS, type Rgb, TIL_LABELS, type TissueLabel } from '../dataset/tissue-labels.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import {
  type ConfusionMatrix,
  type Normalisation,
  normaliseConfusion,
  withoutFirstLabel,
} from '../metrics/confusion-matrix.ts';
import { type DiceScores, tilConfusion } from '../metrics/dice.ts';
import { confusionOf, type HeMetrics } from '../metrics/he-metrics.ts';
import { formatTwoDecimals, type NpyArray, roundAsNumpy, writeNpy } from '../numpy.ts';
import { contrastOfGreys, greyColour, READABLE_CONTRAST, reversedGrey } from './matrix-colours.ts';
import { renderVegaLite } from './render-vega-lite.ts';
import { FIGURE_STYLE, LITERAL_COLOUR } from './style.ts';

/** A figure with its file stem and the data that it shows. */
export interface HeFigure {
  readonly stem: string;
  readonly data: ConfusionFigureData | DiceFigureData;
  readonly spec: TopLevelSpec;
}

/**
 * Writes what evaluation.py writes for the whole H&E test set: `cm.npy` and the figures `cm_all`, `f1_all`,
 * `cm_til_use_case` and `f1_til_use_case`, each as PNG, SVG and JSON with everything that it shows.
 *
 * @param options.metrics - `metrics/he.json`. If its first row is null, that of `cm.npy` is 0.
 * @param options.outDir - `figures/he` of a results folder; created if missing.
 * @returns The written files, in a stable order.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function renderHeFigures(options: {
  readonly metrics: HeMetrics;
  readonly outDir: string;
  readonly signal?: AbortSignal;
}): Promise<string[]> {
  const { metrics, outDir, signal } = options;
  const matrixPath = join(outDir, 'cm.npy');
  await writeNpy(matrixPath, asNpy(confusionOf(metrics)));
  const written = [matrixPath];
  for (const { stem, data, spec } of heFigures(metrics)) {
    signal?.throwIfAborted();
    const { png, svg } = await renderVegaLite(spec);
    const files = { png, svg, json: `${JSON.stringify(data)}\n` };
    for (const [extension, content] of Object.entries(files)) {
      const path = join(outDir, `${stem}.${extension}`);
      await writeFileAtomic(path, content);
      written.push(path);
    }
  }
  return written;
}

/** Returns the four figures over all ROIs. */
export function heFigures(metrics: HeMetrics): HeFigure[] {
  const confusion = confusionOf(metrics);
  return [
    ...figuresOf(confusion, metrics.all, HE_LABELS, { stem: 'all', name: 'All Classes' }),
    ...figuresOf(tilConfusion(confusion), metrics.til, TIL_LABELS, { stem: 'til_use_case', name: 'TIL Use Case' }),
  ];
}

function figuresOf(
  confusion: ConfusionMatrix,
  scores: DiceScores,
  labels: readonly TissueLabel[],
  subject: { readonly stem: string; readonly name: string },
): HeFigure[] {
  const names = labels.slice(1).map(({ name }) => name);
  const matrices = confusionFigureData(withoutFirstLabel(confusion), names);
  const bars = diceFigureData(`H&E Segmentation Performance on ${subject.name}`, scores, labels);
  return [
    {
      stem: `cm_${subject.stem}`,
      data: matrices,
      spec: confusionFigure(matrices, `H&E segmentation, ${subject.name}`),
    },
    { stem: `f1_${subject.stem}`, data: bars, spec: diceFigure(bars) },
  ];
}

function asNpy(confusion: ConfusionMatrix): NpyArray {
  const data = BigInt64Array.from(confusion.counts(), BigInt);
  return { dtype: 'int64', shape: [confusion.size, confusion.size], data };
}

const BLACK: Rgb = [0, 0, 0];
/** Classes without a bar. */
const HIDDEN = ['Unannotated', 'Background'];

interface DiceBar {
  readonly label: string;
  /** Unrounded. */
  readonly dice: number;
  /** Height of the bar. */
  readonly shown: number;
  /** Text above the bar; empty for a bar of height 0. */
  readonly text: string;
  readonly fill: string;
}

/** Everything that a Dice figure shows. */
interface DiceFigureData {
  readonly title: string;
  readonly bars: readonly DiceBar[];
}

/**
 * Computes the bars of the overall Dice and of every class except Unannotated and Background, which the authors do not
 * draw.
 */
function diceFigureData(title: string, scores: DiceScores, labels: readonly TissueLabel[]): DiceFigureData {
  const classes = labels.filter(({ name }) => !HIDDEN.includes(name));
  const bars = [
    diceBar('Overall', scores.overall, BLACK),
    ...classes.map(({ name, colour }) => diceBar(name, scores.perClass[name] ?? 0, colour)),
  ];
  return { title, bars };
}

function diceBar(label: string, dice: number, colour: Rgb): DiceBar {
  const shown = roundAsNumpy(dice);
  return { label, dice, shown, text: shown > 0 ? formatTwoDecimals(shown) : '', fill: `rgb(${colour.join(', ')})` };
}

/**
 * Returns a figure with one bar per class, like `f1_all.png` and `f1_til_use_case.png` of evaluation.py.
 *
 * The axis always ranges from 0 to 1, so that figures can be compared; the authors' ends just above the highest bar.
 */
function diceFigure({ title, bars }: DiceFigureData): TopLevelSpec {
  return {
    ...FIGURE_STYLE,
    description: `${title}: ${bars.map(({ label, shown }) => `${label} ${formatTwoDecimals(shown)}`).join(', ')}.`,
    title: { text: title, offset: 16 },
    width: 552,
    height: 176,
    view: { stroke: null },
    data: { values: bars.map((bar) => ({ ...bar })) },
    encoding: {
      x: {
        field: 'label',
        type: 'nominal',
        sort: bars.map(({ label }) => label),
        scale: { paddingInner: 0.2, paddingOuter: 0.1 },
        axis: { title: null, labelAngle: -45 },
      },
      y: {
        field: 'shown',
        type: 'quantitative',
        scale: { domain: [0, 1] },
        axis: { title: 'F1 Score', values: [0, 0.2, 0.4, 0.6, 0.8, 1], format: '.1f' },
      },
    },
    layer: [
      {
        mark: { type: 'bar', stroke: 'black', strokeWidth: 0.5, aria: false },
        encoding: { color: { field: 'fill', ...LITERAL_COLOUR } },
      },
      {
        mark: { type: 'text', baseline: 'bottom', dy: -2, fontSize: 10, aria: false },
        encoding: { text: { field: 'text', type: 'nominal' } },
      },
    ],
  };
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
interface ConfusionFigureData {
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
function confusionFigureData(confusion: ConfusionMatrix, labels: readonly string[]): ConfusionFigureData {
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
function confusionFigure(data: ConfusionFigureData, subject: string): TopLevelSpec {
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
