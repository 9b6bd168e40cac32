import { CELL_TASKS, type CellTask, TASK_TITLES } from '../../../config/tasks.ts';
import { describeDoubt } from '../../dataset/category-classes.ts';
import type { ReaderAnnotations } from '../../dataset/readers-annotations.ts';
import { counted, grouped } from '../../format.ts';
import { type DetectionMetrics, pairName } from '../../metrics/agreement.ts';
import type { CellPoint } from '../../metrics/points-file.ts';
import { type CellTaskDefinition, cellDefinition } from '../../tasks/registry.ts';
import { overflowingPairs } from '../printed-f1.ts';
import type { CellsVerdictFile } from '../verdict-file.ts';
import { type CorrectedNumber, type DiscrepancyEntry, entryOf, largestChange } from './discrepancies-file.ts';

const INFERENCE = 'src/inference.py';

export type Metrics = Partial<Record<CellTask, DetectionMetrics>>;

/** Returns the macro F1 of every pair of a task, by "group: i|j". */
function macroF1({ groups }: Pick<DetectionMetrics, 'groups'>): Map<string, number | null> {
  const scores = new Map<string, number | null>();
  for (const [group, { readers, f1 }] of Object.entries(groups)) {
    for (const [i, truth] of readers.entries()) {
      for (const [j, prediction] of readers.entries()) {
        if (i < j) scores.set(`${group}: ${pairName(truth, prediction)}`, f1['macro']?.[i]?.[j] ?? null);
      }
    }
  }
  return scores;
}

function comparedF1(
  paper: Pick<DetectionMetrics, 'groups'>,
  corrected: Pick<DetectionMetrics, 'groups'>,
): CorrectedNumber[] {
  const other = macroF1(corrected);
  return [...macroF1(paper)].map(([name, score]) => ({ name, paper: score, corrected: other.get(name) ?? null }));
}

/** Describes that half the height of the annotation with ID 0 is the offset of the centre of every box. */
export function boxCentreEntry(metrics: Metrics, moved: Partial<Record<CellTask, number>>): DiscrepancyEntry {
  const corrected = tasksOf(metrics).flatMap(([, { corrected: other, ...paper }]) =>
    other === undefined ? [] : comparedF1(paper, other),
  );
  const boxes = Object.values(moved).reduce((sum, count) => sum + count, 0);
  return entryOf(
    {
      id: 'first-box-offset',
      title: 'Every box uses the centre offset of the first box',
      what: 'Half the height of the annotation with id 0, rounded down, is added to the left and top of every box, whatever its size.',
      where: INFERENCE,
      tasks: [...CELL_TASKS],
    },
    {
      status: boxes === 0 ? 'no effect here' : 'affects results',
      effect:
        `${counted(boxes, 'box has', 'boxes have')} another centre; ` +
        `with the correct centres a macro F1 changes by up to ${largestChange(corrected).toFixed(4)}.`,
      corrected,
    },
  );
}

/** Describes that classes are derived from the IDs of the categories; empty unless that mixes up classes. */
export function categoryIdsEntry({ task, doubt }: Pick<ReaderAnnotations, 'task' | 'doubt'>): DiscrepancyEntry[] {
  if (doubt === undefined) return [];
  const about = {
    id: 'category-ids',
    title: "A class is the remainder of its category's id",
    what:
      'Class = (category id - 1) modulo the number of classes, whatever the name of the category: IDs that start at 0 ' +
      'or have gaps mix up the classes of the readers.',
    where: INFERENCE,
    tasks: [task],
  };
  const affected = doubt.categories.map(({ id, name, taken }) => `category ${id} "${name}", read as "${taken}"`);
  return [entryOf(about, { status: 'affects results', effect: describeDoubt(doubt, task), affected })];
}

/**
 * Describes that counts are summed as uint16.
 *
 * @param metrics - Of the reproduced points.
 * @param verdicts - Say which counts the values in print come from, and have the scores of the published points.
 */
export function overflowEntry(
  metrics: Metrics,
  verdicts: readonly Pick<CellsVerdictFile, 'task' | 'evaluation'>[],
): DiscrepancyEntry {
  const tasks = tasksOf(metrics);
  const counts = tasks.flatMap(([, { groups }]) =>
    Object.values(groups).flatMap(({ confusion }) => Object.values(confusion).flatMap((rows) => rows?.flat() ?? [])),
  );
  const found = tasks.flatMap(([task, of]) => {
    const published = verdicts.find((each) => each.task === task)?.evaluation.overflowing ?? [];
    const named = new Set(published.map(({ name }) => name));
    const others = overflowingPairs(of).filter(({ name }) => !named.has(name));
    return [...published, ...others].map((pair) => ({ task, ...pair }));
  });
  const largest = counts.reduce((most, count) => Math.max(most, count), 0);
  const effect =
    `The largest count with the reproduced points is ${grouped(largest)}; with reproduced or published points, ` +
    `${counted(found.length, 'pair of readers (or AI) exceeds', 'pairs of readers (or AI) exceed')} 65,535.`;
  return entryOf(
    {
      id: 'uint16-overflow',
      title: 'Counts are summed as 16-bit numbers',
      what: 'An entry of a confusion matrix above 65,535 would be stored modulo 65,536. reignite counts without this limit.',
      where: 'src/eval_utils.py',
      tasks: [...CELL_TASKS],
    },
    {
      status: found.length === 0 ? 'no effect here' : 'affects results',
      effect: [effect, ...verdicts.flatMap(countsInPrint)].join(' '),
      corrected: found.map(({ name, wrapped, unwrapped }) => ({ name, paper: wrapped, corrected: unwrapped })),
      affected: found.map(({ task, name }) => `${task}, ${name}`),
    },
  );
}

function countsInPrint({ task, evaluation: { counts } }: Pick<CellsVerdictFile, 'task' | 'evaluation'>): string[] {
  if (counts === undefined) return [];
  const which = counts === 'wrapped' ? 'wrapped' : 'did not wrap';
  return [`The F1 values in print for ${TASK_TITLES[task]} are those of counts that ${which}.`];
}

/** Describes the order in which equally near predictions are tried. */
export function tieOrderEntry(verdicts: readonly CellsVerdictFile[]): DiscrepancyEntry {
  const corrected = verdicts.flatMap(({ f1, f1LowestIndex }) =>
    f1.map(({ name, ours }, k) => ({ name, paper: ours, corrected: f1LowestIndex[k]?.ours ?? null })),
  );
  const changed = corrected.filter(({ paper, corrected: other }) => paper !== other).length;
  return entryOf(
    {
      id: 'tie-order',
      title: 'Ties in distance are broken by the order of a search tree',
      what:
        "If several predictions are equally far from a reader's point, the authors' code uses the one that scikit-learn's ball tree lists first; " +
        'the order of the file would be equally valid. F1 is computed with both; ' +
        'a difference that this order explains does not affect the verdict.',
      where: 'src/eval_utils.py',
      tasks: [...CELL_TASKS],
    },
    {
      status: changed === 0 ? 'no effect here' : 'affects results',
      effect:
        `${changed} of ${counted(corrected.length, 'F1 value', 'F1 values')} with the AI change ` +
        `if the order of the file is used, by up to ${largestChange(corrected).toFixed(4)}.`,
      corrected,
    },
  );
}

/** Published and reproduced points of one image. */
export interface ImagePoints {
  readonly task: CellTask;
  readonly roi: string;
  readonly published: readonly CellPoint[];
  readonly ours: readonly CellPoint[];
}

/** Describes the time limit of non-maximum suppression: lists tiles without published points in which we found some. */
export function timeLimitEntry(images: readonly ImagePoints[]): DiscrepancyEntry {
  const flagged = images.flatMap(({ task, roi, published, ours }) => {
    const { tile } = cellDefinition(task).settings;
    const theirs = new Set(published.map((point) => tileOf(point, tile)));
    const empty = new Map<string, number>();
    for (const point of ours) {
      const at = tileOf(point, tile);
      if (!theirs.has(at)) empty.set(at, (empty.get(at) ?? 0) + 1);
    }
    return [...empty].map(([at, points]) => ({ name: `${task}, ${roi}, tile ${at}`, points }));
  });
  const points = flagged.reduce((sum, each) => sum + each.points, 0);
  return entryOf(
    {
      id: 'nms-time-limit',
      title: 'Non-maximum suppression gives up after a time limit',
      what:
        'On a slow machine, the original code leaves the remaining tiles of a batch without points. reignite has no such limit. ' +
        'Tiles without published points in which this run found some are listed (column and row of the tile).',
      where: 'non_max_suppression of YOLOv5',
      tasks: [...CELL_TASKS],
    },
    {
      status: flagged.length === 0 ? 'no effect here' : 'affects results',
      effect:
        flagged.length === 0
          ? 'Every tile with points in this run has published points.'
          : `${counted(flagged.length, 'tile has', 'tiles have')} no published points, but ${points} in this run; ` +
            'the time limit may be the reason.',
      affected: flagged.map(({ name }) => name),
    },
  );
}

/** Cells detected again with the settings that the script declares. */
export interface DeclaredPoints {
  readonly metrics: Pick<DetectionMetrics, 'groups'>;
  /** The same images with the settings in effect. */
  readonly effective: Pick<DetectionMetrics, 'groups'>;
  readonly points: { readonly declared: number; readonly effective: number };
  readonly images: number;
}

/** Describes settings that a script of the authors declares but never passes on. */
export function declaredSettingsEntry(
  { name, settings, declared: script }: Required<Pick<CellTaskDefinition, 'name' | 'settings' | 'declared'>>,
  declared: DeclaredPoints | { readonly kind: 'not measured'; readonly reason: string },
): DiscrepancyEntry {
  const { tile, confidence, iou } = script.settings;
  const about = {
    id: `${name}-settings`,
    title: `${TASK_TITLES[name]}: the authors' code does not use the settings that its script declares`,
    what:
      `The script declares tiles of ${tile} px, confidence ${confidence} and IoU ${iou}, and calls the inference without them: ` +
      `the defaults of ${settings.tile} px, ${settings.confidence} and ${settings.iou} are in effect. ` +
      'The record does not say which settings produced the published points.',
    where: script.script,
    tasks: [name],
  };
  if ('reason' in declared) return entryOf(about, { status: 'not measured', effect: declared.reason });
  const corrected = comparedF1(declared.effective, declared.metrics).filter(({ name }) => name.endsWith('|AI'));
  return entryOf(about, {
    status: 'affects results',
    effect:
      `Detected again with the declared settings on ${counted(declared.images, 'image')}: ${declared.points.declared} ` +
      `points instead of ${declared.points.effective}; a macro F1 changes by up to ${largestChange(corrected).toFixed(4)}.`,
    corrected,
  });
}

function tileOf({ x, y }: CellPoint, tile: number): string {
  return `${Math.floor(x / tile)},${Math.floor(y / tile)}`;
}

function tasksOf(metrics: Metrics): [CellTask, DetectionMetrics][] {
  return CELL_TASKS.flatMap((task): [CellTask, DetectionMetrics][] => {
    const of = metrics[task];
    return of === undefined ? [] : [[task, of]];
  });
}
