import { QUEUES } from '../../config/tasks.ts';
import { loadConfig } from '../../runtime/config/load-config.ts';
import { listWorkers } from '../../runtime/workers/list-workers.ts';
import { unservedQueues } from '../../runtime/workers/pollers.ts';
import { waitingActivities } from '../../runtime/workers/waiting-activities.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { EXIT, printable, printResult } from '../output.ts';
import { withHomeServer } from '../with-home-server.ts';
import { waitingGroups, workerRows } from '../workers/fleet-lines.ts';

export interface WorkersOptions {
  readonly set: readonly string[];
  readonly profile: string;
  readonly json?: boolean;
}

/**
 * `reignite workers`: who serves which task queue, and why activities wait.
 *
 * @throws ReigniteError TEMPORAL_UNREACHABLE; USAGE on a server that cannot list workers.
 */
export async function workersCommand({ json, ...options }: WorkersOptions, signal: AbortSignal): Promise<number> {
  const { taskQueuePrefix: prefix } = (await loadConfig(options)).temporal;
  const { workers, unserved, waiting, address } = await withHomeServer(signal, [], async ({ client, server }) => {
    const found = await listWorkers(client.workflowService, server.namespace, prefix);
    if (found === undefined) throw tooOld(server.address);
    return {
      workers: found,
      unserved: await unservedQueues(client, server.namespace, prefix, QUEUES),
      waiting: waitingGroups(await waitingActivities(client, prefix), found),
      address: server.address,
    };
  });
  if (json) {
    printResult(JSON.stringify({ server: address, prefix, workers, unserved, waiting }, null, 1));
    return EXIT.done;
  }
  const lines = [
    ...(workers.length === 0 ? [`No worker of ${prefix} on ${address}.`] : workerRows(workers)),
    ...(unserved.length === 0 ? [] : [`Without a worker: ${unserved.join(', ')}`]),
    ...waiting.map(({ queue, activities, reason }) => `${activities} on ${queue} wait: ${reason}`),
  ];
  printResult(printable(lines.join('\n')));
  return EXIT.done;
}

function tooOld(address: string): ReigniteError {
  return new ReigniteError('USAGE', `The Temporal server at ${address} cannot list workers.`, {
    remedy: 'Use a server of 1.29 or later; the Temporal UI shows the workers of a task queue on older ones.',
  });
}
