import type { TopLevelSpec } from 'vega-lite';
import { HE_LABELS, TIL_LABELS, type TissueLabel } from '../dataset/tissue-labels.ts';
import type { DetectionMetrics, GroupAgreement } from '../metrics/agreement.ts';
import { type ConfusionMatrix, normaliseConfusion, withoutFirstLabel } from '../metrics/confusion-matrix.ts';
import { tilConfusion } from '../metrics/dice.ts';
import { confusionOf, type HeMetrics } from '../metrics/he-metrics.ts';
import type { ComparedMetric } from '../verdict/verdict-file.ts';
import { cssColour, inkOn, shadeOf } from './matrix-colours.ts';
import { FIGURE_STYLE, LITERAL_COLOUR } from './style.ts';

/** An accessible figure: no information only in colour, a contrast of at least 4.5:1, labels next to what they describe. */
export interface AccessibleFigure {
  /** File stem, to which `_accessible` is added. */
  readonly stem: string;
  readonly title: string;
  readonly spec: TopLevelSpec;
}

type Compared = readonly ComparedMetric[];

/**
 * Returns accessible versions of the figures `f1_*` and `cm_*` of H&E, with the published Dice.
 *
 * @param dice - Scores with the published ones; empty if nothing is compared.
 */
export function accessibleTissueFigures(metrics: HeMetrics, dice: { readonly all: Compared; readonly til: Compared }) {
  const confusion = confusionOf(metrics);
  return [
    ...figuresOf('all', 'all classes', confusion, HE_LABELS, dice.all),
    ...figuresOf('til_use_case', 'TIL use case', tilConfusion(confusion), TIL_LABELS, dice.til),
  ];
}

function figuresOf(
  stem: string,
  subject: string,
  confusion: ConfusionMatrix,
  labels: readonly TissueLabel[],
  dice: Compared,
): AccessibleFigure[] {
  const present = dice.filter(({ truth }) => truth === undefined || truth > 0);
  return [
    ...dots(`f1_${stem}`, `Dice, ${subject}`, 'Dice', sorted(rowsOf(present))),
    ...confusionMatrices(confusion, labels).map(({ by, matrix }) => ({
      stem: by === 'true' ? `cm_${stem}` : `cm_${stem}_predicted`,
      title: by === 'true' ? `Confusion, ${subject}` : `Confusion by prediction, ${subject}`,
      spec: shadeMatrix(`Confusion of ${subject}`, matrix),
    })),
  ];
}

/** Returns the figure of scores; none if nothing is compared. */
function dots(stem: string, title: string, unit: string, rows: readonly ScoreRow[]): AccessibleFigure[] {
  return rows.length === 0
    ? []
    : [{ stem, title: `${title}, with the published scores`, spec: scoreDots(title, unit, rows) }];
}

/** Normalises the matrix by ground truth and by prediction, in percent, without unused labels. */
function confusionMatrices(confusion: ConfusionMatrix, labels: readonly TissueLabel[]) {
  const dropped = withoutFirstLabel(confusion);
  const names = labels.slice(1).map(({ name }) => name);
  const kept = [...names.keys()].filter((k) => dropped.rowSum(k) + dropped.columnSum(k) > 0);
  const pick = <Value>(all: readonly Value[]) => kept.flatMap((k) => (all[k] === undefined ? [] : [all[k]]));
  const matrixOf = (
    by: 'true' | 'predicted',
    title: string,
  ): { readonly by: typeof by; readonly matrix: ShadeMatrix } => {
    const values = pick(normaliseConfusion(dropped, by)).map(pick);
    const texts = values.map((row) => row.map(percentOf));
    const about = { title, rows: pick(names), columns: pick(names), rowTitle: 'truth', columnTitle: 'prediction' };
    return { by, matrix: { ...about, values, texts } };
  };
  return [
    matrixOf('true', 'Of every 100 true pixels: predicted as'),
    matrixOf('predicted', 'Of every 100 predicted pixels: truly'),
  ];
}

function percentOf(share: number): string {
  if (share === 0) return '';
  return share < 0.005 ? '<1' : (100 * share).toFixed(0);
}

/** Returns accessible versions of the figures `f1_scores_*`, and the F1 of the AI next to the published one. */
export function accessibleCellFigures({ groups }: DetectionMetrics, f1: Compared): AccessibleFigure[] {
  return Object.entries(groups).flatMap(([name, group]) => {
    const macro = f1.filter((metric) => metric.name.startsWith(`${name}: `) && metric.name.endsWith(', macro'));
    const rows = rowsOf(macro).map((row) => ({
      ...row,
      name: row.name.replace(`${name}: `, '').replace(/\|AI, macro$/, ' and AI'),
    }));
    const title = `F1 of readers and AI, ${name}`;
    return [
      { stem: `f1_scores_${name}`, title, spec: shadeMatrix(title, agreementMatrix(title, group)) },
      ...dots(`f1_ai_${name}`, title, 'mean F1 over the classes', rows),
    ];
  });
}

function agreementMatrix(title: string, { readers, f1 }: GroupAgreement): ShadeMatrix {
  const macro = f1['macro'] ?? [];
  const values = readers.map((_, row) =>
    readers.map((__, column) => (column < row ? (macro[column]?.[row] ?? null) : null)),
  );
  const texts = values.map((row) => row.map((value) => (value === null ? '' : value.toFixed(2))));
  return {
    title,
    rows: readers,
    columns: readers,
    rowTitle: 'as prediction',
    columnTitle: 'as ground truth',
    values,
    texts,
  };
}

function rowsOf(metrics: Compared): ScoreRow[] {
  return metrics.flatMap(({ name, published, ours, oursInterval }) =>
    ours === null ? [] : [{ name, published, ours, low: oursInterval?.low, high: oursInterval?.high }],
  );
}

/** Sorts rows: overall first, then by score, best first. */
function sorted(rows: readonly ScoreRow[]): ScoreRow[] {
  const [first, ...others] = rows;
  return first === undefined ? [] : [first, ...others.sort((a, b) => b.ours - a.ours)];
}

/** Our score with its interval, and the published score. */
interface ScoreRow {
  readonly name: string;
  readonly published: number | null;
  readonly ours: number;
  readonly low: number | undefined;
  readonly high: number | undefined;
}

const ROW_HEIGHT = 40;
/** Width in px; narrow, so that texts are readable on a phone too. Names and numbers are above the dots. */
const WIDTH = 360;
/** Vertical offset of texts from the centre of their row, in px. */
const TEXT_OFFSET = -11;
const DOT_OFFSET = 8;
const OURS = '#0b3d6e';
const PUBLISHED = '#b03a00';
const TEXT = { type: 'text', yOffset: TEXT_OFFSET, color: 'black', clip: false, aria: false } as const;

/**
 * Returns a figure of scores from 0 to 1, one per line: a dot with a 95 % interval for ours, a ring for the published
 * score, and both as text. No information is only in colour.
 *
 * @param unit - Name of the scores: "Dice", "F1".
 */
export function scoreDots(title: string, unit: string, rows: readonly ScoreRow[]): TopLevelSpec {
  const values = rows.map(({ name, published, ours, low, high }) => ({
    name,
    ours,
    published,
    low: low ?? ours,
    high: high ?? ours,
    label: published === null ? ours.toFixed(3) : `${ours.toFixed(3)}   (published ${published.toFixed(3)})`,
    start: 0,
    end: 1,
  }));
  const y = { field: 'name', type: 'nominal', sort: rows.map(({ name }) => name), title: null, axis: null } as const;
  const x = (field: string) => ({ field, type: 'quantitative' as const, scale: { domain: [0, 1] } });
  const axis = { title: unit, values: [0, 0.2, 0.4, 0.6, 0.8, 1], format: '.1f', grid: true, gridColor: '#ddd' };
  return {
    ...FIGURE_STYLE,
    description: `${title}. ${values.map(({ name, label }) => `${name} ${label}`).join('; ')}.`,
    title: {
      text: title,
      subtitle: 'dot: reproduced, line: its 95 % interval; ring: published',
      subtitleFontSize: 12,
      subtitleColor: '#333',
      anchor: 'start',
    },
    width: WIDTH,
    height: rows.length * ROW_HEIGHT,
    view: { stroke: null },
    data: { values },
    encoding: { y },
    layer: [
      {
        mark: { type: 'rule', yOffset: DOT_OFFSET, color: OURS, strokeWidth: 3, opacity: 0.55, aria: false },
        encoding: { x: { ...x('low'), axis }, x2: { field: 'high' } },
      },
      {
        mark: {
          type: 'point',
          yOffset: DOT_OFFSET,
          shape: 'circle',
          size: 150,
          stroke: PUBLISHED,
          strokeWidth: 2,
          aria: false,
        },
        encoding: { x: { ...x('published'), axis } },
      },
      {
        mark: {
          type: 'point',
          yOffset: DOT_OFFSET,
          shape: 'circle',
          filled: true,
          size: 45,
          color: OURS,
          opacity: 1,
          aria: false,
        },
        encoding: { x: { ...x('ours'), axis } },
      },
      {
        mark: { ...TEXT, align: 'left', fontSize: 13 },
        encoding: { x: { ...x('start'), axis }, text: { field: 'name', type: 'nominal' } },
      },
      {
        mark: { ...TEXT, align: 'right', fontSize: 12 },
        encoding: { x: { ...x('end'), axis }, text: { field: 'label', type: 'nominal' } },
      },
    ],
  };
}

/** A matrix to draw. */
interface ShadeMatrix {
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
        fill: fill === undefined ? NOTHING : cssColour(fill),
        ink: fill === undefined ? 'black' : cssColour(inkOn(fill)),
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
