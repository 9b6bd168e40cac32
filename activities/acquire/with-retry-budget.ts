import { Context } from '@temporalio/activity';
import type { RunConfig } from '../../config/schema.ts';
import type { ZenodoConfig } from '../../config/zenodo-config.ts';
import type { RetryBudget } from '../../toolkit/zenodo/http/retry-budget.ts';

export interface RetryContext {
  readonly zenodo: ZenodoConfig;
  readonly retrySeconds: RunConfig['temporal']['retrySeconds'];
  /** What is downloaded or unpacked, for messages. */
  readonly subject: string;
  /** Bytes on disk: if there are more than at the last failure, the timeout starts again. */
  readonly bytes: () => Promise<number>;
}

/** Runs one attempt. After a failure, sets the wait before the next attempt, or makes the failure final. */
export async function withRetryBudget<Result>(
  retryBudget: RetryBudget,
  { zenodo, retrySeconds, subject, bytes }: RetryContext,
  work: () => Promise<Result>,
): Promise<Result> {
  const startedAt = Date.now();
  const { workflowExecution, activityId } = Context.current().info;
  try {
    const result = await work();
    await retryBudget.done(subject);
    return result;
  } catch (error) {
    if (Context.current().cancellationSignal.aborted) throw error;
    const execution = `${workflowExecution?.runId ?? ''} ${activityId}`;
    throw await retryBudget.after(
      error,
      { subject, execution, bytes: await bytes(), startedAt },
      {
        retryTimeoutMs: zenodo.retryTimeoutSeconds * 1_000,
        diskFullTimeoutMs: zenodo.diskFullTimeoutSeconds * 1_000,
        retryMs: retrySeconds * 1_000,
      },
    );
  }
}
