import type { TopLevelSpec } from 'vega-lite';
import type { Rgb, TissueLabel } from '../dataset/he-labels.ts';
import type { DiceScores } from '../metrics/he-metrics.ts';
import { formatTwoDecimals, roundAsNumpy } from '../numpy/round.ts';
import { FIGURE_STYLE, LITERAL_COLOUR } from './vega-style.ts';

const BLACK: Rgb = [0, 0, 0];
/** Classes without a bar. */
const HIDDEN = ['Unannotated', 'Background'];

export interface DiceBar {
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
export interface DiceFigureData {
  readonly title: string;
  readonly bars: readonly DiceBar[];
}

/**
 * Computes the bars of the overall Dice and of every class except Unannotated and Background, which the authors do not
 * draw.
 */
export function diceFigureData(title: string, scores: DiceScores, labels: readonly TissueLabel[]): DiceFigureData {
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
export function diceFigure({ title, bars }: DiceFigureData): TopLevelSpec {
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
