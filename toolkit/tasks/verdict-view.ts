import { z } from 'zod';
import type { TaskSettings } from '../../config/task-config.ts';
import type { Task } from '../../config/tasks.ts';
import type { AccessibleFigure } from '../figures/report-figures.ts';
import { FoldName } from '../nnunet/model-card.ts';
import type { CellsVerdictFile, ComparedMetric, HeVerdictFile } from '../verdict/verdict-file.ts';
import { taskNamed } from './task-named.ts';

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
export const UsedModel = z.object({
  kind: z.string(),
  folds: z.array(FoldName).default([]),
  architecture: z
    .object({ mirrorAxes: z.array(z.number()).exactOptional().describe('Axes of mirroring of an nnU-Net model') })
    .exactOptional(),
  input: z.object({ shape: z.array(z.number()) }),
});
export type UsedModel = z.output<typeof UsedModel>;

/** Formats height and width of a tile; undefined without a summary. */
export function tileOf(model: UsedModel | undefined): string | undefined {
  const [, first, second, third] = model?.input.shape ?? [];
  const [height, width] = first === 3 ? [second, third] : [first, second];
  return height === undefined || width === undefined ? undefined : `${height} x ${width}`;
}

/** Suffix of the names of scores that are a mean over the classes, in a verdict. */
const MACRO = ', macro';

/**
 * Formats the main score of a task, ours and the published one: the overall Dice, or the mean F1 of the readers of each
 * group with the AI.
 */
export function headlineScores(task: Task, verdict: HeVerdictFile | CellsVerdictFile): string[] {
  const { scoreName, view } = taskNamed(task);
  // The names in a view leave out the group and the mean if there is only one group or class.
  const macros = 'f1' in verdict ? verdict.f1.filter(({ name }) => name.endsWith(MACRO)) : [];
  if (macros.length === 0) {
    const [overall] = view(verdict).numbers[0]?.metrics ?? [];
    return overall === undefined ? [] : [scoreText(scoreName, overall.ours, overall.published)];
  }
  const groups = [...new Set(macros.map(({ name }) => name.slice(0, name.indexOf(':'))))];
  return groups.map((group) => {
    const of = macros.filter(({ name }) => name.startsWith(`${group}:`));
    const mean = (values: readonly (number | null)[]) => meanOf(values.flatMap((value) => value ?? []));
    return scoreText(
      `${scoreName} of ${groups.length === 1 ? 'the' : group} readers with the AI, mean`,
      mean(of.map(({ ours }) => ours)),
      mean(of.map(({ published }) => published)),
    );
  });
}

function scoreText(name: string, ours: number | null, published: number | null): string {
  if (ours === null) return `${name}: nothing to score`;
  return `${name}: ${ours.toFixed(4)}${published === null ? '' : ` (published ${published.toFixed(4)})`}`;
}

function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
