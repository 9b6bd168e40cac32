import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { taskQueue } from '../../config/task-queues.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { reproduce } from '../../workflows/reproduce.ts';
import type { ServerAddress } from '../temporal/server-address.ts';
import { workflowDigest } from '../workflow-bundle.ts';
import { openMemo } from './open-memo.ts';
import type { ResolvedRun } from './resolve-run.ts';

/** What is written beside a run in Temporal, and read again by other commands. */
interface RunMemo extends Record<string, unknown> {
  readonly record: string;
  readonly digest: string;
  readonly data: string;
  readonly results: string;
  readonly workflows: string;
}

/**
 * Starts a run, or attaches to the one that is open under the same id.
 *
 * @throws ReigniteError RESULTS_IN_USE when another open run writes to the same results folder.
 */
export async function startRun(
  client: Client,
  server: ServerAddress,
  run: ResolvedRun,
  onStep: (line: string) => void,
): Promise<'started' | 'attached'> {
  await refuseSharedResults(client, run);
  const workflows = await workflowDigest();
  const open = await openMemo(client, run.id);
  if (open !== undefined && !server.external && open['workflows'] !== workflows) {
    await client.workflow.getHandle(run.id).terminate('begun by another version of reignite');
    onStep('The open run was begun by another version of reignite: it is begun anew, from the cache.');
  }
  const { config, digest, folders } = run.input;
  const memo: RunMemo = { record: config.record, digest, ...folders, workflows };
  try {
    await client.workflow.start<typeof reproduce>('reproduce', {
      workflowId: run.id,
      taskQueue: taskQueue(config.temporal.taskQueuePrefix, 'orchestration'),
      args: [run.input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `IGNITE ${config.record}, profile ${config.name}: ${config.tasks.join(', ')}`,
      staticDetails: [
        `- Data: \`${folders.data}\``,
        `- Results: \`${folders.results}\``,
        '- The children are the stages; theirs are pages of ROIs. A pending activity shows its ROI and tile.',
        '- To go on after a stop, type the same `npx reignite run` again.',
      ].join('\n'),
      memo,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  return open !== undefined && open['workflows'] === workflows ? 'attached' : 'started';
}

async function refuseSharedResults(client: Client, run: ResolvedRun): Promise<void> {
  const { results } = run.input.folders;
  const query = "WorkflowType = 'reproduce' AND ExecutionStatus = 'Running'";
  for await (const { workflowId, memo } of client.workflow.list({ query })) {
    if (workflowId === run.id || memo?.['results'] !== results) continue;
    throw new ReigniteError('RESULTS_IN_USE', `The open run ${workflowId} writes to ${results}.`);
  }
}
