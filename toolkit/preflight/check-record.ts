import type { Task } from '../../config/tasks.ts';
import { taskNamed } from '../tasks/task-named.ts';
import type { CheckedTask, RecordCheck } from './check-files.ts';
import type { RecordTree } from './record-tree.ts';

/** A task's test set in a record. */
export interface RecordTask extends Omit<CheckedTask, 'checks'> {
  readonly task: Task;
}

/** Result of checking a record. */
export interface CheckedRecord {
  readonly checks: readonly RecordCheck[];
  readonly tasks: readonly RecordTask[];
}

/** Tasks to check. */
export interface CheckOptions {
  readonly tasks: readonly Task[];
  /** Tasks with a custom model, for which the record's model is not checked. */
  readonly customModels?: readonly Task[];
}

/** Checks everything that the tasks assume about a record, from its small files and the first bytes of large ones. */
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
