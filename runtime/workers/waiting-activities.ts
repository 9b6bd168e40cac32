import type { Client } from '@temporalio/client';
import { QUEUES, type Queue, taskQueue } from '../../config/tasks.ts';
import { isErrorCode } from '../../toolkit/errors.ts';

/** A state of `PendingActivityState`. */
const SCHEDULED = 1;

/** An activity that no worker is working on. */
export interface WaitingActivity {
  /** The workflow that waits. */
  readonly workflow: string;
  readonly activity: string;
  readonly queue: Queue | undefined;
  /** Number of attempts that were started. */
  readonly attempts: number;
  /** Why the last attempt ended; undefined before the first one. */
  readonly last: { readonly code: string | undefined; readonly message: string } | undefined;
}

const QUEUE_OF: Readonly<Record<string, Queue>> = {
  fetchRecord: 'download',
  downloadFile: 'download',
  inferRoi: 'inference',
  probeInference: 'inference',
  measureTask: 'inference',
  predictImage: 'inference',
  planSlide: 'inference',
  predictStrip: 'inference',
  openResults: 'orchestration',
  noteVerdicts: 'orchestration',
  writeSummary: 'orchestration',
  writeTrace: 'orchestration',
  writePrediction: 'orchestration',
};

/** Lists the activities of open workflows of a prefix that wait for a worker, or for their next attempt. */
export async function waitingActivities(client: Client, prefix: string): Promise<readonly WaitingActivity[]> {
  const waiting: WaitingActivity[] = [];
  for await (const open of client.workflow.list({ query: "ExecutionStatus = 'Running'" })) {
    if (open.taskQueue !== taskQueue(prefix, 'orchestration')) continue;
    const described = await client.workflow
      .getHandle(open.workflowId)
      .describe()
      // It may have closed since it was listed.
      .catch(() => undefined);
    for (const { state, activityType, attempt, lastFailure } of described?.raw.pendingActivities ?? []) {
      if (state !== SCHEDULED) continue;
      const activity = activityType?.name ?? '';
      const begun = Math.max(0, (attempt ?? 1) - 1);
      waiting.push({
        workflow: open.workflowId,
        activity,
        queue: QUEUE_OF[activity] ?? QUEUES.find((queue) => queue === 'render'),
        attempts: begun,
        last: lastFailure ? failureOf(lastFailure) : undefined,
      });
    }
  }
  return waiting;
}

function failureOf(failure: {
  readonly message?: string | null;
  readonly applicationFailureInfo?: { readonly type?: string | null } | null;
}): NonNullable<WaitingActivity['last']> {
  const type = failure.applicationFailureInfo?.type;
  return { code: isErrorCode(type) ? type : undefined, message: failure.message ?? '' };
}
