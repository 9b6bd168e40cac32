/**
 * Serves task queues in the calling process.
 *
 * @module
 */
import type { Context } from '@temporalio/activity';
import {
  type ActivityInboundCallsInterceptor,
  type ActivityInterceptors,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import { createErrorInterceptor, needAllowedPlaces, needFolders, observeStep } from './activities/interceptors.ts';
import { type Queue, taskQueue } from './config/tasks.ts';
import { connectionOptionsOf, ensureSameServer, type ServerAddress } from './runtime/server/connection.ts';
import { factsToName, workerFacts } from './runtime/workers/list-workers.ts';
import { becomeSoleDownloader, rivalDownloader, workerIdentity } from './runtime/workers/pollers.ts';
import type { WorkerSettings } from './runtime/workers/worker-settings.ts';
import { workflowBundle } from './runtime/workers/workflow-bundle.ts';
import { ReigniteError } from './toolkit/errors.ts';
import { AllowedPlaces } from './toolkit/files/allowed-places.ts';
import type { HomeFolders } from './toolkit/files/folders.ts';
import { openRunStorage, type RunStorage } from './toolkit/storage/run-storage.ts';
import { USUAL_SAVING } from './toolkit/storage/stored-partials.ts';

/** Time until the server lists all pollers of a queue. */
const RIVAL_SEEN_MS = 5_000;

/** Queues whose activities need the record's folders. */
const NEEDS_FOLDERS: ReadonlySet<Queue> = new Set(['inference', 'render']);

const inboundOf =
  (create: (context: Context) => ActivityInboundCallsInterceptor) =>
  (context: Context): ActivityInterceptors => ({ inbound: create(context) });

/** Worker options per queue. Only the process that serves a queue loads its modules. */
const QUEUE_OPTIONS: Record<Queue, (home: HomeFolders, settings: WorkerSettings) => Promise<Partial<WorkerOptions>>> = {
  orchestration: async (home) => {
    const { createOrchestrationActivities } = await import('./activities/orchestration.ts');
    return {
      workflowBundle: { codePath: (await workflowBundle()).path },
      activities: createOrchestrationActivities(home),
      maxConcurrentActivityTaskExecutions: 10,
    };
  },
  download: async (home, { connections }) => {
    const { createDownloadActivities } = await import('./activities/acquire/download.ts');
    const { RecordServers } = await import('./activities/acquire/record-servers.ts');
    return {
      activities: createDownloadActivities(home, new RecordServers(home)),
      maxConcurrentActivityTaskExecutions: connections,
    };
  },
  inference: async (home, settings) => {
    const { createInferenceActivities } = await import('./activities/inference.ts');
    const activities = createInferenceActivities(home, await storageOf(settings), settings);
    return { activities, maxConcurrentActivityTaskExecutions: 1 };
  },
  render: async (home, settings) => {
    const { createRenderActivities } = await import('./activities/render.ts');
    return {
      activities: createRenderActivities(home, await storageOf(settings)),
      maxConcurrentActivityTaskExecutions: 2,
    };
  },
};

async function storageOf({ storage }: WorkerSettings): Promise<RunStorage | undefined> {
  if (storage === undefined) return undefined;
  const onFailure = (error: unknown) => {
    Runtime.instance().logger.warn('A partial result was not stored', { error });
  };
  return openRunStorage(storage, { ...USUAL_SAVING, onFailure });
}

/**
 * Returns the queues that this process may serve: only one process may serve `download`, and the first one keeps it.
 */
async function allowedQueues(
  home: HomeFolders,
  server: ServerAddress,
  settings: WorkerSettings,
  connection: NativeConnection,
): Promise<readonly Queue[]> {
  if (!settings.queues.includes('download')) return settings.queues;
  try {
    await becomeSoleDownloader(home, server, connection, taskQueue(settings.taskQueuePrefix, 'download'));
    return settings.queues;
  } catch (error) {
    const others = settings.queues.filter((queue) => queue !== 'download');
    if (!(error instanceof ReigniteError) || error.code !== 'DOWNLOADER_ALREADY_RUNNING' || others.length === 0)
      throw error;
    process.stderr.write(`${error.code}: ${error.message} ${error.remedy}\n`);
    return others;
  }
}

/** If two downloaders start at the same moment, one stops; its other queues remain served. */
async function yieldTo(rival: Promise<string | undefined>, worker: Worker): Promise<void> {
  const other = await rival.catch(() => undefined);
  if (other === undefined || worker.getState() !== 'RUNNING') return;
  process.stderr.write(`The worker "${other}" downloads; this worker stops downloading.\n`);
  worker.shutdown();
}

export interface RunWorkerOptions {
  /** The state directory; workers may use the places that its commands and clients name. */
  readonly home: HomeFolders;
  readonly server: ServerAddress;
  readonly settings: WorkerSettings;
  /** Stops taking new activities when it aborts; those in progress are interrupted and retried by another worker. */
  readonly signal?: AbortSignal | undefined;
  /** Called once every queue is polled. */
  readonly onReady?: (() => void) | undefined;
}

/**
 * Serves task queues until the signal aborts or the process gets SIGINT or SIGTERM.
 *
 * Inference blocks the event loop for seconds at a time: run it in a separate process. The settings contain the queues,
 * their prefix and the limits of the worker; `workerSettingsOf` creates them from a configuration.
 *
 * @throws ReigniteError DOWNLOADER_ALREADY_RUNNING when only `download` is to be served and another process serves it.
 * @example
 * const config = await loadConfig({ profile: 'paper', set: [] });
 * const stop = new AbortController();
 * await runWorker({
 *   home: homeFolders('.reignite'),
 *   server: { address: 'temporal.lab:7233', namespace: 'default', external: true },
 *   settings: { ...workerSettingsOf(config), queues: ['render'] },
 *   signal: stop.signal,
 * });
 */
export async function runWorker({ home, server, settings, signal, onReady }: RunWorkerOptions): Promise<void> {
  signal?.throwIfAborted();
  const connection = await NativeConnection.connect(connectionOptionsOf(server));
  try {
    await ensureSameServer(connection.workflowService, server);
    const queues = await allowedQueues(home, server, settings, connection);
    const workers = await createWorkers(home, server, { ...settings, queues: [...queues] }, connection);
    const stop = () => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    };
    const running = workers.map((worker) => worker.run());
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    onReady?.();
    const downloader = workers[queues.indexOf('download')];
    if (downloader !== undefined) {
      const name = taskQueue(settings.taskQueuePrefix, 'download');
      setTimeout(() => void yieldTo(rivalDownloader(connection, server, name), downloader), RIVAL_SEEN_MS).unref();
    }
    try {
      await Promise.all(running);
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  } finally {
    await connection.close();
  }
}

/** Creates one worker per queue. */
async function createWorkers(
  home: HomeFolders,
  server: ServerAddress,
  settings: WorkerSettings,
  connection: NativeConnection,
): Promise<Worker[]> {
  const allowed = await AllowedPlaces.of(home, settings.places);
  const isElsewhere = settings.scratchBytes !== undefined;
  return Promise.all(
    settings.queues.map(async (queue) =>
      Worker.create({
        connection,
        namespace: server.namespace,
        taskQueue: taskQueue(settings.taskQueuePrefix, queue),
        identity: workerIdentity(queue),
        plugins: [{ name: factsToName(workerFacts(isElsewhere, settings.device)) }],
        shutdownGraceTime: (settings.drainSeconds ?? 0) * 1_000,
        maxHeartbeatThrottleInterval: settings.heartbeatThrottleSeconds * 1_000,
        defaultHeartbeatThrottleInterval: settings.heartbeatThrottleSeconds * 1_000,
        interceptors: {
          activity: [
            observeStep,
            inboundOf(createErrorInterceptor),
            inboundOf(needAllowedPlaces(allowed, isElsewhere)),
            ...(NEEDS_FOLDERS.has(queue) && !isElsewhere ? [inboundOf(needFolders(home))] : []),
          ],
        },
        ...(await QUEUE_OPTIONS[queue](home, settings)),
      }),
    ),
  );
}

export { loadConfig } from './runtime/load-config.ts';
export type { ServerAddress } from './runtime/server/connection.ts';
export { type WorkerSettings, workerSettingsOf } from './runtime/workers/worker-settings.ts';
export { type HomeFolders, homeFolders } from './toolkit/files/folders.ts';
