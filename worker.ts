import { hostname } from 'node:os';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { createErrorInterceptor } from './activities/error-interceptor.ts';
import { connectionOptionsOf } from './cli/temporal/connection.ts';
import { addressFromEnvironment, type ServerAddress } from './cli/temporal/server-address.ts';
import { settingsFromEnvironment, type WorkerSettings } from './cli/worker-settings.ts';
import { workflowBundle } from './cli/workflow-bundle.ts';
import { type Queue, taskQueue } from './config/task-queues.ts';
import { type HomeFolders, homeFromEnvironment } from './toolkit/files/home-folders.ts';

/** A process that was told to stop and has not done so by then is ended: what it was doing is safe on disk. */
const STOP_WITHIN_MS = 15_000;

/** What one queue needs. Modules are loaded by the process that serves the queue, and by no other. */
const QUEUE_OPTIONS: Record<Queue, (home: HomeFolders, settings: WorkerSettings) => Promise<Partial<WorkerOptions>>> = {
  orchestration: async (home) => {
    const { createOrchestrationActivities } = await import('./activities/orchestration.ts');
    return {
      workflowBundle: { codePath: await workflowBundle(home) },
      activities: createOrchestrationActivities(home),
      maxConcurrentActivityTaskExecutions: 10,
    };
  },
  download: async (home, { connections }) => {
    const { createDownloadActivities } = await import('./activities/download.ts');
    const { RecordServers } = await import('./activities/record-servers.ts');
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

/** Shown in the UI beside every attempt. A host's name is given away only where several hosts share a server. */
function identityOf(queue: Queue, { external }: ServerAddress): string {
  return external ? `${queue} ${process.pid}@${hostname()}` : `${queue} ${process.pid}`;
}

async function serve(): Promise<void> {
  const settings = settingsFromEnvironment();
  const server = addressFromEnvironment();
  if (server === undefined) throw new Error('Expected the address of a Temporal server in the environment.');
  const home = homeFromEnvironment();
  const connection = await NativeConnection.connect(connectionOptionsOf(server));
  const workers = await Promise.all(
    settings.queues.map(async (queue) =>
      Worker.create({
        connection,
        namespace: server.namespace,
        taskQueue: taskQueue(settings.taskQueuePrefix, queue),
        identity: identityOf(queue, server),
        maxHeartbeatThrottleInterval: settings.throttleSeconds * 1_000,
        defaultHeartbeatThrottleInterval: settings.throttleSeconds * 1_000,
        interceptors: { activity: [(context) => ({ inbound: createErrorInterceptor(context) })] },
        ...(await QUEUE_OPTIONS[queue](home, settings)),
      }),
    ),
  );
  const stop = () => {
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  // The owner of the run holds the other end of this channel: when it goes, however it goes, so do its workers.
  process.once('disconnect', stop);
  const running = workers.map((worker) => worker.run());
  process.send?.({ ready: true });
  await Promise.all(running);
  await connection.close();
  process.exit(0);
}

await serve();
