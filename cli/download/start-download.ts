import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { AcquireInput } from '../../activities/inputs.ts';
import { canonicalJson } from '../../config/digest.ts';
import { taskQueue } from '../../config/task-queues.ts';
import { sha256Of } from '../../toolkit/files/hash-file.ts';
import type { acquire } from '../../workflows/acquire.ts';
import { downloadId } from '../../workflows/ids.ts';
import { openMemo } from '../run/open-memo.ts';
import type { ServerAddress } from '../temporal/server-address.ts';
import { workflowDigest } from '../workflow-bundle.ts';

export interface ResolvedDownload {
  readonly id: string;
  readonly input: AcquireInput;
}

/** Fixes an acquisition's id: what is fetched, and into which folder. From where does not belong to it. */
export function resolveDownload(input: AcquireInput): ResolvedDownload {
  const { config, data, whole, only } = input;
  const { record } = config;
  const tasks = [...config.tasks].sort();
  const digest = sha256Of(canonicalJson({ record, data, tasks: whole ? 'all' : tasks, only })).slice(0, 16);
  return { id: downloadId(record, digest), input };
}

/** Starts an acquisition, or attaches to the one that is open under the same id. */
export async function startDownload(
  client: Client,
  server: ServerAddress,
  { id, input }: ResolvedDownload,
  onStep: (line: string) => void,
): Promise<'started' | 'attached'> {
  const workflows = await workflowDigest();
  const open = await openMemo(client, id);
  const isOurs = open?.['workflows'] === workflows;
  if (open !== undefined && !server.external && !isOurs) {
    await client.workflow.getHandle(id).terminate('begun by another version of reignite');
    onStep('The open download was begun by another version of reignite: it is begun anew, from what is on disk.');
  }
  const { config, data } = input;
  try {
    await client.workflow.start<typeof acquire>('acquire', {
      workflowId: id,
      taskQueue: taskQueue(config.temporal.taskQueuePrefix, 'orchestration'),
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `Fetch record ${config.record}`,
      staticDetails: [
        `- Data: \`${data}\``,
        '- A pending activity shows its file, its bytes and its rate.',
        '- To go on after a stop, type the same `npx reignite download` again.',
      ].join('\n'),
      memo: { record: config.record, data, workflows },
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  return open !== undefined && (isOurs || server.external) ? 'attached' : 'started';
}
