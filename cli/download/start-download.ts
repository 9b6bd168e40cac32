import type { Client } from '@temporalio/client';
import type { AcquireInput } from '../../activities/inputs.ts';
import { canonicalJson } from '../../config/digest.ts';
import { taskQueue } from '../../config/task-queues.ts';
import { type OnceOpen, startOrAttach } from '../../runtime/run/start-or-attach.ts';
import type { ServerAddress } from '../../runtime/server/server-address.ts';
import { sha256Of } from '../../toolkit/files/hash-file.ts';
import type { acquire } from '../../workflows/acquire.ts';
import { downloadId } from '../../workflows/ids.ts';

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
export function startDownload(
  client: Client,
  server: ServerAddress,
  { id, input }: ResolvedDownload,
  onStep: (line: string) => void,
): Promise<'started' | 'attached'> {
  const { config, data } = input;
  const flow: OnceOpen = {
    workflowId: id,
    taskQueue: taskQueue(config.temporal.taskQueuePrefix, 'orchestration'),
    staticSummary: `Fetch record ${config.record}`,
    staticDetails: [
      `- Data: \`${data}\``,
      '- A pending activity shows its file, its bytes and its rate.',
      '- To go on after a stop, type the same `npx reignite download` again.',
    ],
    memo: { record: config.record, data },
    begunAnew: 'The open download was begun by another version of reignite: it is begun anew, from what is on disk.',
    start: (options) => client.workflow.start<typeof acquire>('acquire', { ...options, args: [input] }),
  };
  return startOrAttach(client, server, flow, onStep);
}
