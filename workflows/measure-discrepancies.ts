import { isCancellation } from '@temporalio/workflow';
import type { MeasureOutcome, MeasureTaskInput, RunInput } from '../activities/inputs.ts';
import type { TaskOutcome } from '../activities/report/run-results.ts';
import { toFailureInfo, withFailureInfo } from './failures.ts';
import { inference, renderActivities } from './steps.ts';

export interface DiscrepanciesInput {
  readonly input: RunInput;
  /** Outcomes of the run's tasks. */
  readonly outcomes: Readonly<Record<string, TaskOutcome>>;
}

/** Measures the discrepancies between the authors' code, the paper and the record; runs after the tasks. */
export function measureDiscrepancies({ input, outcomes }: DiscrepanciesInput): Promise<void> {
  return withFailureInfo(async () => {
    const { folders, config } = input;
    const tasks = [];
    for (const task of config.tasks) {
      const outcome = outcomes[task];
      if (outcome === undefined) continue;
      const { stage, batches } = outcome;
      const ended = { task, stage, batches, settings: { scope: 'full' as const, ...config[task] } };
      tasks.push({ ...ended, measured: await measureTask(ended, input) });
    }
    const { writeDiscrepancies } = renderActivities(config.temporal);
    await writeDiscrepancies.executeWithOptions({ summary: 'discrepancy report' }, [
      { folders, record: config.record, tasks },
    ]);
  });
}

/** Infers what the discrepancy report needs of a task; returns a reason if it cannot be measured. */
export async function measureTask(
  ended: Omit<MeasureTaskInput, 'folders' | 'inference' | 'full'>,
  { folders, config }: Pick<RunInput, 'folders' | 'config'>,
): Promise<MeasureOutcome> {
  const activities = inference(config.temporal);
  try {
    return await activities.measureTask.executeWithOptions(
      { summary: `${ended.task}: inference for the discrepancy report` },
      [{ ...ended, folders, inference: config.inference, full: config.discrepancies.full }],
    );
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { kind: 'not measured', reason: toFailureInfo(error).cause };
  }
}
