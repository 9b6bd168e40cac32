import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { isPrediction, summaryOf } from '../../runtime/run/describe-run.ts';
import {
  findRun,
  type KnownPrediction,
  predictionInputOf,
  RUNS_AND_PREDICTIONS,
  runInputOf,
} from '../../runtime/run/find-run.ts';
import type { ResolvedRun } from '../../runtime/run/resolve-run.ts';
import type { predictImages } from '../../workflows/predict-images.ts';
import { withHomeServer } from '../with-home-server.ts';

/** A run or a prediction of the state directory, with its input. */
export type KnownRun = (
  | { readonly kind: 'run'; readonly run: ResolvedRun }
  | { readonly kind: 'prediction'; readonly run: KnownPrediction }
) & {
  readonly isOpen: boolean;
  /** Whether it completed without failures, so that `retry` has nothing to do. */
  readonly isWhole: boolean;
};

/** Finds a run or a prediction, the newest unless `part` names one. @throws ReigniteError RUN_NOT_FOUND. */
export async function knownRun(part: string | undefined, signal: AbortSignal): Promise<KnownRun> {
  return withHomeServer(signal, [], async ({ client }) => {
    const execution = await findRun(client, part, RUNS_AND_PREDICTIONS);
    const id = execution.workflowId;
    const isOpen = execution.status.name === 'RUNNING';
    const isCompleted = execution.status.name === 'COMPLETED';
    if (isPrediction(execution)) {
      const input = await predictionInputOf(client, execution);
      const isWhole = isCompleted && (await hasPredictedAll(client, execution));
      return { kind: 'prediction', run: { id, input }, isOpen, isWhole };
    }
    const input = await runInputOf(client, execution);
    const failures = Object.values((await summaryOf(execution))?.tasks ?? {}).map(({ rois }) => rois.failed);
    const isWhole = isCompleted && failures.length > 0 && failures.every((count) => count === 0);
    return { kind: 'run', run: { id, input }, isOpen, isWhole };
  });
}

async function hasPredictedAll(client: Client, { workflowId, runId }: WorkflowExecutionInfo): Promise<boolean> {
  const handle = client.workflow.getHandle<typeof predictImages>(workflowId, runId);
  return (await handle.result()).failed === 0;
}
