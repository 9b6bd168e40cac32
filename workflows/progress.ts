import { defineQuery, defineSignal, getExternalWorkflowHandle, isCancellation } from '@temporalio/workflow';

/** How far one stage of a run is. */
export interface StageProgress {
  readonly stage: string;
  /** What is counted: files, ROIs. */
  readonly unit: string;
  readonly done: number;
  readonly of: number;
  readonly cached: number;
  readonly failed: number;
  readonly state: 'running' | 'done' | 'failed';
}

/** Stages tell the run how far they are. */
export const stageProgress = defineSignal<[StageProgress]>('stageProgress');
/** The stages of a run, in the order in which they began. */
export const progress = defineQuery<StageProgress[]>('progress');

/** A stage of any size signals about so often, so that the run's history stays short. */
const SIGNALS_A_STAGE = 50;

/** Whether `done` is the first count of its fiftieth of `of`. */
export function isWorthTelling(done: number, of: number): boolean {
  const share = (count: number) => Math.floor((count * SIGNALS_A_STAGE) / Math.max(1, of));
  return done >= of || share(done) !== share(done - 1);
}

/** Tells the run; a run that is closing no longer listens, which is no reason for a stage to fail. */
export async function tellRun(run: string, update: StageProgress): Promise<void> {
  try {
    await getExternalWorkflowHandle(run).signal(stageProgress, update);
  } catch (error) {
    if (isCancellation(error)) throw error;
  }
}

/** The stages as a Markdown table, for the run's page in the Temporal UI. */
export function progressTable(stages: readonly StageProgress[]): string {
  const rows = stages.map(({ stage, unit, done, of, cached, failed, state }) => {
    const share = of === 0 ? '' : ` (${Math.floor((100 * done) / of)} %)`;
    return tableRow([stage, state, `${done} of ${of} ${unit}${share}`, String(cached), String(failed)]);
  });
  return [tableRow(['Stage', 'State', 'Done', 'From cache', 'Failed']), '|---|---|---|---|---|', ...rows].join('\n');
}

/** The UI sets cells without any space between them: each brings its own, which does not collapse. */
export function tableRow(cells: readonly string[]): string {
  return `|${cells.map((cell) => ` ${cell}\u00a0\u00a0 `).join('|')}|`;
}
