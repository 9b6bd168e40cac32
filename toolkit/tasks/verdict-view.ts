import type { TaskSettings } from '../../config/task-config.ts';
import type { AccessibleFigure } from '../figures/report-figures.ts';
import type { ComparedMetric } from '../verdict/verdict-file.ts';

/** A table of plain text, collapsed below a heading. */
export interface DetailTable {
  readonly summary: string;
  readonly introduction?: string;
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a report shows of a verdict, for either kind of task. */
export interface VerdictView {
  /** Published scores with ours. */
  readonly numbers: readonly { readonly caption: string; readonly metrics: readonly ComparedMetric[] }[];
  /** Context for the scores, one sentence each. */
  readonly notes: readonly string[];
  /** The same predictions evaluated in another way. */
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
  /** Names of the layers; empty for a layer that the task does not have. */
  readonly layers: Readonly<Record<'image' | 'truth' | 'published' | 'ours' | 'confidence' | 'differ', string>>;
  /** Whether predictions are masks, which may be made transparent. */
  readonly isMask: boolean;
  /** Whether amounts are shares of pixels; otherwise they are numbers of points. */
  readonly isShare: boolean;
  /** Heading of the ground truth's column. */
  readonly truth: string;
  /** What is counted where the two predictions differ, in singular and plural. */
  readonly differing: readonly [string, string];
  /** Whether single ROIs have a score by which the gallery can be sorted. */
  readonly isScored: boolean;
  /** Unit of the share that differs: "pixels", "points". */
  readonly unit: string;
}

/** Input of a task's paragraph in the methods of a run. */
export interface MethodsInput {
  readonly settings: Partial<TaskSettings>;
  /** The model summary; undefined if there is none. */
  readonly model: UsedModel | undefined;
  /** The regions that were scored, such as "all 5 test regions". */
  readonly regions: string;
}

/** The parts of a model summary that a report uses. */
export interface UsedModel {
  readonly kind: string;
  readonly folds: readonly (number | 'all')[];
  /** Axes of mirroring of an nnU-Net model. */
  readonly architecture?: { readonly mirrorAxes?: readonly number[] };
  readonly input: { readonly shape: readonly number[] };
}

/** Formats height and width of a tile; undefined without a summary. */
export function tileOf(model: UsedModel | undefined): string | undefined {
  const [, first, second, third] = model?.input.shape ?? [];
  const [height, width] = first === 3 ? [second, third] : [first, second];
  return height === undefined || width === undefined ? undefined : `${height} x ${width}`;
}
