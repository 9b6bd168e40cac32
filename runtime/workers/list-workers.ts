import { cpus, totalmem } from 'node:os';
import type { WorkflowService } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { packageVersion } from '../../config/package-files.ts';
import { QUEUES, type Queue, taskQueue } from '../../config/tasks.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { nvidiaAdapter, usedGpu } from '../../toolkit/onnx/provider/nvidia.ts';
import { hasEndedHere } from './pollers.ts';

type Listed = temporal.api.worker.v1.IWorkerListInfo;
type Heartbeat = temporal.api.worker.v1.IWorkerHeartbeat;

/** Interval of a worker's own heartbeats, ms. */
export const WORKER_HEARTBEAT_MS = 10_000;
/** A worker that missed three heartbeats counts as dead. */
const SILENT_S = (3.5 * WORKER_HEARTBEAT_MS) / 1_000;

const PAGE = 500;
/** `WORKER_STATUS_RUNNING`, `_SHUTTING_DOWN`. */
const RUNNING = 1;
const STOPPING = 2;
/** gRPC's UNIMPLEMENTED, from servers before 1.29. */
const UNKNOWN_CALL = 12;

/** A worker of a task queue. */
export interface FleetWorker {
  readonly identity: string;
  readonly queue: Queue;
  readonly host: string;
  readonly pid: string;
  /** Undefined for workers before 0.2.0. */
  readonly facts: WorkerFacts | undefined;
  readonly state: 'serving' | 'stopping' | 'silent';
  /** ISO 8601. */
  readonly since: string;
  /** GiB; undefined if the worker does not report it. */
  readonly freeMemory: number | undefined;
  /** Activities in progress. */
  readonly busy: number;
}

/**
 * Lists the workers of all task queues of a prefix, from their heartbeats: those that serve, those that are stopping,
 * and those without a heartbeat for half a minute. Workers that shut down properly are left out.
 *
 * @returns Undefined if the server cannot list workers.
 */
export async function listWorkers(
  service: WorkflowService,
  namespace: string,
  prefix: string,
): Promise<readonly FleetWorker[] | undefined> {
  const queues = new Map(QUEUES.map((queue) => [taskQueue(prefix, queue), queue]));
  const listed = await listAll(service, namespace);
  if (listed === undefined) return undefined;
  const workers: FleetWorker[] = [];
  for (const worker of listed) {
    const queue = queues.get(worker.taskQueue ?? '');
    if (queue === undefined || (worker.status !== RUNNING && worker.status !== STOPPING)) continue;
    if (await hasEndedHere(worker.workerIdentity ?? '')) continue;
    workers.push(describe(worker, queue, await heartbeatOf(service, namespace, worker)));
  }
  return workers.sort(
    (a, b) => QUEUES.indexOf(a.queue) - QUEUES.indexOf(b.queue) || (a.identity < b.identity ? -1 : 1),
  );
}

/**
 * Rejects joining workers of another version, which may not be able to continue each other's activities.
 *
 * @throws ReigniteError WORKER_VERSION that names one of them.
 */
export function refuseOtherVersions(workers: readonly FleetWorker[], version = packageVersion()): void {
  const other = workers.find(({ facts, state }) => state === 'serving' && facts && facts.reignite !== version);
  if (other?.facts === undefined) return;
  throw new ReigniteError(
    'WORKER_VERSION',
    `The worker ${other.identity} on ${other.host} serves ${other.queue} with reignite ${other.facts.reignite}; this is ${version}.`,
  );
}

async function listAll(service: WorkflowService, namespace: string): Promise<readonly Listed[] | undefined> {
  const all: Listed[] = [];
  let nextPageToken: Uint8Array = new Uint8Array();
  do {
    try {
      const page = await service.listWorkers({ namespace, pageSize: PAGE, nextPageToken });
      all.push(...page.workers);
      nextPageToken = page.nextPageToken;
    } catch (error) {
      if (Object(error).code === UNKNOWN_CALL) return undefined;
      throw error;
    }
  } while (nextPageToken.length > 0);
  return all;
}

/** Returns the heartbeat of a worker; undefined if it has ended since it was listed. */
async function heartbeatOf(
  service: WorkflowService,
  namespace: string,
  { workerInstanceKey = '' }: Listed,
): Promise<Heartbeat | undefined> {
  const described = await service
    .describeWorker({ namespace, workerInstanceKey: workerInstanceKey ?? '' })
    .catch(() => undefined);
  return described?.workerInfo?.workerHeartbeat ?? undefined;
}

function describe(listed: Listed, queue: Queue, heartbeat: Heartbeat | undefined): FleetWorker {
  const facts = listed.plugins?.map(({ name }) => factsFromName(name ?? '')).find((each) => each !== undefined);
  const heard = secondsOf(heartbeat?.heartbeatTime);
  const isSilent = heard === undefined || Date.now() / 1_000 - heard > SILENT_S;
  const usage = heartbeat?.hostInfo?.currentHostMemUsage ?? undefined;
  const free = facts && usage !== undefined ? Math.round(facts.memory * (1 - usage) * 10) / 10 : undefined;
  return {
    identity: listed.workerIdentity ?? '',
    queue,
    host: listed.hostName ?? '',
    pid: listed.processId ?? '',
    facts,
    state: isSilent ? 'silent' : listed.status === STOPPING ? 'stopping' : 'serving',
    since: new Date((secondsOf(listed.startTime) ?? 0) * 1_000).toISOString(),
    freeMemory: free,
    busy: heartbeat?.activityTaskSlotsInfo?.currentUsedSlots ?? 0,
  };
}

function secondsOf(time: { readonly seconds?: unknown } | null | undefined): number | undefined {
  return time === null || time === undefined ? undefined : Number(time.seconds ?? 0);
}

/** What a worker reports about itself to the Temporal server; visible to every user of that server. */
export const WorkerFacts = z.object({
  reignite: z.string().describe('Version of this package'),
  processor: z.string(),
  cores: z.int().min(1),
  memory: z.number().describe('GiB, rounded'),
  adapter: z.string().optional().describe('GPU, where the machine says'),
  device: z.int().optional().describe('Number of the GPU, where the worker has one of its own'),
  scratch: z.boolean().optional().describe('Whether it fetches its files from object storage'),
});
export type WorkerFacts = z.infer<typeof WorkerFacts>;

const START = 'reignite ';

/**
 * Returns the facts of this process.
 *
 * @param isElsewhere - Whether the worker has none of the folders of its runs.
 * @param device - Number of the GPU assigned to this worker, if any.
 */
export function workerFacts(isElsewhere: boolean, device?: number): WorkerFacts {
  const { adapter } = nvidiaAdapter(device === undefined ? undefined : usedGpu(device));
  return {
    reignite: packageVersion(),
    processor: cpus()[0]?.model.trim() || 'unknown',
    cores: Math.max(1, cpus().length),
    memory: Math.round(totalmem() / 2 ** 30),
    ...(adapter === undefined ? {} : { adapter }),
    ...(device === undefined ? {} : { device }),
    ...(isElsewhere ? { scratch: true } : {}),
  };
}

/** Encodes facts as the name of a plugin, the only text that reignite can add to a worker's heartbeats. */
export function factsToName(facts: WorkerFacts): string {
  return START + JSON.stringify(facts);
}

/** @returns Undefined for any other name. */
export function factsFromName(name: string): WorkerFacts | undefined {
  if (!name.startsWith(START)) return undefined;
  try {
    return WorkerFacts.safeParse(JSON.parse(name.slice(START.length))).data;
  } catch {
    return undefined;
  }
}
