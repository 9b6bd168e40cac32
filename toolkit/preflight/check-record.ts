import type { Task } from '../../config/tasks.ts';
import { taskNamed } from '../tasks/task-named.ts';
import type { RecordTree } from './check-files.ts';

/** One assumption about a record, and whether it holds. */
export interface RecordCheck {
  /** File, folder or column that was checked. */
  readonly subject: string;
  /** `warn`: the run works, but its result is affected. `unknown`: it could not be checked yet. */
  readonly status: 'pass' | 'warn' | 'fail' | 'unknown';
  /** What was found. */
  readonly detail: string;
  /** What to do about it; missing if there is nothing to do. */
  readonly remedy?: string;
  /** File that is used, because of its contents, if the one with the usual name is missing; relative to the data folder. */
  readonly chosen?: string;
}

/** A task's test set in a record, with its checks. */
export interface CheckedTask {
  readonly checks: readonly RecordCheck[];
  /** Number of ROIs; undefined if their list is damaged, or too large to be fetched before the run. */
  readonly rois: number | undefined;
  /** Number of ROIs with a published prediction. */
  readonly predicted: number;
  /** Sizes of the images whose headers were read: all of them or a sample. */
  readonly images: readonly ImageSize[];
}

/** Width and height in px. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

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
