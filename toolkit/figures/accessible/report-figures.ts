import type { TopLevelSpec } from 'vega-lite';
import { HE_LABELS, TIL_LABELS, type TissueLabel } from '../../dataset/he-labels.ts';
import type { DetectionMetrics, GroupAgreement } from '../../metrics/agreement-metrics.ts';
import type { ConfusionMatrix } from '../../metrics/confusion-matrix.ts';
import { normaliseConfusion, withoutFirstLabel } from '../../metrics/confusion-matrix.ts';
import { confusionOf, type HeMetrics, tilConfusion } from '../../metrics/he-metrics.ts';
import type { ComparedMetric } from '../../verdict/verdict-file.ts';
import { type ScoreRow, scoreDots } from './score-dots.ts';
import { type ShadeMatrix, shadeMatrix } from './shade-matrix.ts';

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
