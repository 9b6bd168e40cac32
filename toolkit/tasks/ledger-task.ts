import type { TaskSettings } from '../../config/task-config.ts';
import type { Task } from '../../config/tasks.ts';
import type { Measured } from './kind.ts';
import type { PlannedRoi } from './work.ts';

/** A task that has ended, as the discrepancy ledger needs it. */
export interface LedgerTask<Name extends Task> {
  readonly name: Name;
  /** Those that have a prediction. */
  readonly rois: readonly PlannedRoi[];
  readonly scope: TaskSettings['scope'];
  /** What came of inferring again. */
  readonly measured: Measured;
}
