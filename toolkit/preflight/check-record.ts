import type { Task } from '../../config/tasks.ts';
import { taskNamed } from '../tasks/task-named.ts';
import type { CheckedTask, RecordCheck } from './record-check.ts';
import type { RecordTree } from './record-tree.ts';

/** What a record holds of a task's test set. */
export interface RecordTask extends Omit<CheckedTask, 'checks'> {
  readonly task: Task;
}

/** What was found about a record. */
export interface CheckedRecord {
  readonly checks: readonly RecordCheck[];
  readonly tasks: readonly RecordTask[];
}

/** Tasks of a run. */
export interface CheckOptions {
  readonly tasks: readonly Task[];
  /** Tasks with a custom model: the record's own model is not looked at. */
  readonly customModels?: readonly Task[];
}

/** Checks everything that the tasks assume about a record, by its small files and the beginnings of large ones. */
export async function checkRecord(
  tree: RecordTree,
  { tasks, customModels = [] }: CheckOptions,
): Promise<CheckedRecord> {
  const checks: RecordCheck[] = [];
  const found: RecordTask[] = [];
  for (const task of tasks) {
    const withModel = !customModels.includes(task);
    const { checks: ofTask, ...facts } = await taskNamed(task).checkRecord(tree, withModel);
    checks.push(...ofTask);
    found.push({ task, ...facts });
  }
  return { checks, tasks: found };
}
