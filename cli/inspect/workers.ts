import { QUEUES, type Queue } from '../../config/tasks.ts';
import { loadConfig } from '../../runtime/load-config.ts';
import { type FleetWorker, listWorkers, type WorkerFacts } from '../../runtime/workers/list-workers.ts';
import { unservedQueues, type WaitingActivity, waitingActivities } from '../../runtime/workers/pollers.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { counted } from '../../toolkit/format.ts';
import { EXIT, printable, printResult } from '../output.ts';
import { withHomeServer } from '../with-home-server.ts';

/** A group of activities that wait for the same reason. */
export interface Waiting {
  readonly queue: Queue;
  readonly activities: number;
  readonly reason: string;
}

/** Formats the workers as rows of text. */
export function workerRows(workers: readonly FleetWorker[], now = Date.now()): string[] {
  const rows = workers.map(({ queue, host, pid, facts, state, since, freeMemory, busy }) => [
    queue,
    `${host} ${pid}`,
    facts === undefined ? 'reignite ?' : `reignite ${facts.reignite}`,
    facts === undefined ? '' : unitText(facts),
    memoryText(facts?.memory, freeMemory),
    state === 'serving' ? (busy > 0 ? `works on ${busy}` : 'idle') : state,
    `since ${ageText(now - Date.parse(since))}`,
    facts?.scratch === true ? 'fetches from storage' : '',
  ]);
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Groups waiting activities by reason; the largest group of a queue comes first. */
export function waitingGroups(activities: readonly WaitingActivity[], workers: readonly FleetWorker[]): Waiting[] {
  const groups = new Map<string, Waiting>();
  for (const { queue = 'render', last } of activities) {
    const serving = workers.filter((worker) => worker.queue === queue && worker.state === 'serving');
    const reason = reasonOf(serving, last);
    const key = `${queue} ${reason}`;
    groups.set(key, { queue, reason, activities: (groups.get(key)?.activities ?? 0) + 1 });
  }
  return [...groups.values()].sort(
    (a, b) => QUEUES.indexOf(a.queue) - QUEUES.indexOf(b.queue) || b.activities - a.activities,
  );
}

function reasonOf(serving: readonly FleetWorker[], last: WaitingActivity['last']): string {
  if (serving.length === 0) return 'no worker serves the queue';
  if (last !== undefined) return `the last attempt failed: ${last.message}`;
  const free = serving.filter(({ busy }) => busy === 0).length;
  return free === 0
    ? serving.length === 1
      ? 'its worker is busy'
      : `all ${serving.length} workers are busy`
    : 'they are about to be started';
}

function unitText({ adapter, device, cores }: WorkerFacts): string {
  if (adapter === undefined) return `${cores} cores`;
  return device === undefined ? adapter : `GPU ${device}: ${adapter}`;
}

function memoryText(total: number | undefined, free: number | undefined): string {
  if (total === undefined) return '';
  return free === undefined ? `${total} GiB` : `${free} of ${total} GiB free`;
}

function ageText(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

export interface WorkersOptions {
  readonly set: readonly string[];
  readonly profile: string;
  readonly json?: boolean;
}

/**
 * `reignite workers`: lists the workers of each task queue, and why activities wait.
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
    ...(workers.length === 0 ? [`No worker serves the task queues ${prefix}-* on ${address}.`] : workerRows(workers)),
    ...(unserved.length === 0 ? [] : [`Task queues without a worker: ${unserved.join(', ')}`]),
    ...waiting.map(
      ({ queue, activities, reason }) =>
        `${counted(activities, 'activity waits', 'activities wait')} on ${queue}: ${reason}`,
    ),
  ];
  printResult(printable(lines.join('\n')));
  return EXIT.done;
}

function tooOld(address: string): ReigniteError {
  return new ReigniteError('USAGE', `The Temporal server at ${address} cannot list workers.`, {
    remedy: 'Use Temporal server 1.29 or later; on older ones, the Temporal UI shows the workers of a task queue.',
  });
}
