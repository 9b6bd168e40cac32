import { CELL_TASKS, perTask, type Task, TISSUE_TASKS } from '../../config/tasks.ts';
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
