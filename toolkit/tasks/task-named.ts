import { CELL_TASKS, perTask, type Task, TISSUE_TASKS } from '../../config/tasks.ts';
import type { CellsVerdictFile, HeVerdictFile } from '../verdict/verdict-file.ts';
import { cellsTask } from './cells/cells.ts';
import type { TaskKind } from './kind.ts';
import { cellDefinition, tissueDefinition } from './registry.ts';
import { tissueTask } from './tissue/tissue.ts';

const TASKS_BY_NAME: Readonly<Record<Task, TaskKind>> = {
  ...perTask(TISSUE_TASKS, (task) => tissueTask(tissueDefinition(task))),
  ...perTask(CELL_TASKS, (task) => cellsTask(cellDefinition(task))),
};

/** Returns the implementation of a task. This is the only place that maps a name to what differs between tasks. */
export function taskNamed(task: Task): TaskKind {
  return TASKS_BY_NAME[task];
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
