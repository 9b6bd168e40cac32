import type { TaskSettings } from '../../config/task-config.ts';
import type { AccessibleFigure } from '../figures/accessible/report-figures.ts';
import type { ComparedMetric } from '../verdict/verdict-file.ts';

/** A table of plain text below a heading that is opened by a click. */
export interface DetailTable {
  readonly summary: string;
  readonly introduction?: string;
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a report shows of a verdict, whatever the kind of task. */
export interface VerdictView {
  /** Published scores with ours. */
  readonly numbers: readonly { readonly caption: string; readonly metrics: readonly ComparedMetric[] }[];
  /** Context for the scores, one sentence each. */
  readonly notes: readonly string[];
  /** The same predictions read in another way. */
  readonly otherReadings: readonly DetailTable[];
  /** For research only. */
  readonly researchScores: readonly DetailTable[];
  /** Figures over all ROIs from `metrics/<task>.json`, readable without colour. */
  accessibleFigures(metrics: unknown): Promise<readonly AccessibleFigure[]>;
}

/** How the viewer of the report shows the ROIs of a task. */
export interface ViewerWords {
  /** Names and colours of the labels, or of the classes of cells. */
  readonly labels: readonly { readonly name: string; readonly colour: string }[];
  /** Names of the layers; empty for one that the task does not have. */
  readonly layers: Readonly<Record<'image' | 'truth' | 'published' | 'ours' | 'margin' | 'differ', string>>;
  /** Whether predictions are masks, which may be made transparent. */
  readonly isMask: boolean;
  /** Whether amounts are shares of the pixels, or else numbers of points. */
  readonly isShare: boolean;
  /** Name of the column of the ground truth. */
  readonly truth: string;
  /** What is counted where the two predictions differ: one, several. */
  readonly differing: readonly [string, string];
  /** Whether the gallery can be ordered by the score of single ROIs. */
  readonly isScored: boolean;
  /** What a share of difference is of: "pixels", "points". */
  readonly unit: string;
}

/** What the methods of a run say of a task. */
export interface MethodsInput {
  readonly settings: Partial<TaskSettings>;
  /** The summary of the model; undefined where there is none. */
  readonly model: UsedModel | undefined;
  /** The regions behind the numbers: "all 5 test regions". */
  readonly regions: string;
}

/** What a report needs of the summary of a model. */
export interface UsedModel {
  readonly kind: string;
  readonly folds: readonly (number | 'all')[];
  /** Axes along which tiles are mirrored too, of an nnU-Net v2 model. */
  readonly architecture?: { readonly mirrorAxes?: readonly number[] };
  readonly input: { readonly shape: readonly number[] };
}

/** Height and width of a tile; undefined where no summary says. */
export function tileOf(model: UsedModel | undefined): string | undefined {
  const [, first, second, third] = model?.input.shape ?? [];
  const [height, width] = first === 3 ? [second, third] : [first, second];
  return height === undefined || width === undefined ? undefined : `${height} x ${width}`;
}
