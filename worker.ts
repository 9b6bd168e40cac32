import type { Context } from '@temporalio/activity';
import {
  type ActivityInboundCallsInterceptor,
  type ActivityInterceptors,
  NativeConnection,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import { z } from 'zod';
import { createErrorInterceptor } from './activities/interceptors/error-interceptor.ts';
import { needAllowedPlaces } from './activities/interceptors/need-allowed-places.ts';
import { needFolders } from './activities/interceptors/need-folders.ts';
import { observeStep } from './activities/interceptors/observe-step.ts';
import { plainProblem } from './config/plain-problems.ts';
import { type Queue, taskQueue } from './config/task-queues.ts';
import { connectionOptionsOf } from './runtime/server/connection.ts';
import { addressFromEnvironment, type ServerAddress } from './runtime/server/server-address.ts';
import { workerIdentity } from './runtime/workers/pollers.ts';
import { becomeSoleDownloader, rivalDownloader } from './runtime/workers/sole-downloader.ts';
import { installTelemetry } from './runtime/workers/telemetry.ts';
import { settingsFromEnvironment, type WorkerSettings } from './runtime/workers/worker-settings.ts';
import { workflowBundle } from './runtime/workers/workflow-bundle.ts';
import { AllowedPlaces } from './toolkit/access/allowed-places.ts';
import { ReigniteError } from './toolkit/errors.ts';
import { type HomeFolders, homeFromEnvironment } from './toolkit/files/home-folders.ts';

/** A process that was told to stop and has not done so by then is ended: what it was doing is safe on disk. */
const STOP_WITHIN_MS = 15_000;

/** After so long a server knows who polls a queue. */
const RIVAL_SEEN_MS = 5_000;

/** Queues whose steps begin when the record is there. */
const NEEDS_FOLDERS: ReadonlySet<Queue> = new Set(['inference', 'render']);

const inboundOf =
  (create: (context: Context) => ActivityInboundCallsInterceptor) =>
  (context: Context): ActivityInterceptors => ({ inbound: create(context) });

/** What one queue needs. Modules are loaded by the process that serves the queue, and by no other. */
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
  inference: async (home) => {
    const { createInferenceActivities } = await import('./activities/inference.ts');
    return { activities: createInferenceActivities(home), maxConcurrentActivityTaskExecutions: 1 };
  },
  render: async (home) => {
    const { createRenderActivities } = await import('./activities/render.ts');
    return { activities: createRenderActivities(home), maxConcurrentActivityTaskExecutions: 2 };
  },
};

/** The queues that this process may serve: of all that download, the first one stays. */
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
    if (!(error instanceof ReigniteError) || error.code !== 'DOWNLOADER_EXISTS' || others.length === 0) throw error;
    process.stderr.write(`${error.code}: ${error.message} ${error.remedy}\n`);
    return others;
  }
}

/** Of two downloaders that began at the same moment one stops; the other queues go on being served. */
async function yieldTo(rival: Promise<string | undefined>, worker: Worker): Promise<void> {
  const other = await rival.catch(() => undefined);
  if (other === undefined || worker.getState() !== 'RUNNING') return;
  process.stderr.write(`The worker "${other}" downloads; this one stops doing so.\n`);
  worker.shutdown();
}

async function serve(): Promise<void> {
  z.config({ customError: plainProblem });
  const settings = settingsFromEnvironment();
  installTelemetry(settings.telemetry);
  const server = addressFromEnvironment();
  if (server === undefined) throw new Error('Expected the address of a Temporal server in the environment.');
  const home = homeFromEnvironment();
  const connection = await NativeConnection.connect(connectionOptionsOf(server));
  const allowed = await AllowedPlaces.of(home, settings.places);
  const queues = await allowedQueues(home, server, settings, connection);
  const workers = await Promise.all(
    queues.map(async (queue) =>
      Worker.create({
        connection,
        namespace: server.namespace,
        taskQueue: taskQueue(settings.taskQueuePrefix, queue),
        identity: workerIdentity(queue),
        maxHeartbeatThrottleInterval: settings.throttleSeconds * 1_000,
        defaultHeartbeatThrottleInterval: settings.throttleSeconds * 1_000,
        interceptors: {
          activity: [
            observeStep,
            inboundOf(createErrorInterceptor),
            inboundOf(needAllowedPlaces(allowed)),
            ...(NEEDS_FOLDERS.has(queue) ? [inboundOf(needFolders(home))] : []),
          ],
        },
        ...(await QUEUE_OPTIONS[queue](home, settings)),
      }),
    ),
  );
  const endInTime = () => {
    // Not `exit`: it waits for threads that are within native code, such as one tile of a large network.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), STOP_WITHIN_MS).unref();
  };
  const stop = () => {
    endInTime();
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  // The owner of the run holds the other end of this channel: when it goes, however it goes, so do its workers.
  process.once('disconnect', stop);
  // The SDK shuts the workers down.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, endInTime);
  const running = workers.map((worker) => worker.run());
  process.send?.({ ready: true });
  const downloader = workers[queues.indexOf('download')];
  if (downloader !== undefined) {
    const name = taskQueue(settings.taskQueuePrefix, 'download');
    setTimeout(() => void yieldTo(rivalDownloader(connection, server, name), downloader), RIVAL_SEEN_MS).unref();
  }
  await Promise.all(running);
  await connection.close();
  process.exit(0);
}

await serve();
