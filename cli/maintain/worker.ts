import type { RunConfig } from '../../config/schema.ts';
import { QUEUES, type Queue } from '../../config/tasks.ts';
import { didYouMean } from '../../config/wrong-values.ts';
import { loadConfig } from '../../runtime/load-config.ts';
import { connectTo, externalServer, type ServerAddress } from '../../runtime/server/connection.ts';
import { runningServer } from '../../runtime/server/home-server.ts';
import { listWorkers, refuseOtherVersions } from '../../runtime/workers/list-workers.ts';
import { WorkerProcesses } from '../../runtime/workers/worker-processes.ts';
import { workerSettingsOf } from '../../runtime/workers/worker-settings.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { placesNamedIn } from '../../toolkit/files/allowed-places.ts';
import { homeFromEnvironment, makePrivateHome } from '../../toolkit/files/folders.ts';
import { cudaObstacleOn } from '../../toolkit/onnx/provider/cuda.ts';
import { checkRunStorage } from '../../toolkit/storage/run-storage.ts';
import { untilStopped, whenInterrupted } from '../interruption.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { withHomeServer } from '../with-home-server.ts';

/** `reignite server`: runs only the state directory's Temporal server, until Ctrl-C; workers and runs can attach to it. */
export async function serverCommand(signal: AbortSignal): Promise<number> {
  return withHomeServer(signal, [], async ({ server, failed }) => {
    printResult(server.address);
    if (server.uiUrl !== undefined) printStep(`Temporal UI: ${server.uiUrl}`);
    printStep('Press Ctrl-C to stop.');
    whenInterrupted('Stopped.');
    await untilStopped(failed, signal);
    return EXIT.interrupted;
  });
}

const GB = 1e9;

export interface WorkerOptions {
  readonly queues?: readonly string[];
  readonly data?: string;
  readonly results?: string;
  /** Limit for fetched files in GB, on a worker that has none of the folders of its runs. */
  readonly scratch?: number;
  /** Number of the GPU for CUDA, overriding the runs' setting. */
  readonly device?: number;
  /** Minutes for open activities to finish when the worker has to stop. */
  readonly drain?: number;
  readonly set: readonly string[];
  readonly profile: string;
}

/**
 * `reignite worker`: serves task queues until Ctrl-C, on the server that TEMPORAL_ADDRESS names, else on the running
 * server of the state directory.
 *
 * @throws ReigniteError USAGE for an unknown queue, for `--scratch` without storage or for queues other than inference,
 *   for `--device` without inference, or when there is no server; PROVIDER_UNAVAILABLE when CUDA cannot use that GPU;
 *   WORKER_VERSION; STORAGE_REFUSED, STORAGE_UNAVAILABLE, STORAGE_UNSUITABLE; WORKER_LOST.
 */
export async function workerCommand(options: WorkerOptions, signal: AbortSignal): Promise<number> {
  const queues = (options.queues ?? QUEUES).map(parseQueue);
  const config = await loadConfig(options);
  const { data, results } = options;
  const places = placesNamedIn({ config, data, results });
  const settings = {
    ...workerSettingsOf(config),
    places,
    ...scratchOf(options, queues, config),
    ...drainOf(options),
    ...gpuOf(options, queues),
  };
  const home = homeFromEnvironment();
  await makePrivateHome(home.home, printStep);
  await checkRunStorage(config, signal);
  const server = await findServer(home.home);
  const client = await connectTo(server);
  const others = await listWorkers(client.workflowService, server.namespace, settings.taskQueuePrefix);
  await client.connection.close();
  refuseOtherVersions(others ?? []);
  const workers = new WorkerProcesses({ home, server, settings, queues, onStep: printStep, signal });
  printStep(`Serving ${queues.join(', ')} on ${server.address}. Press Ctrl-C to stop.`);
  whenInterrupted(
    options.drain === undefined
      ? 'Stopped. Another worker retries unfinished activities.'
      : `Takes no more activities; open activities have ${options.drain} min to finish. Press Ctrl-C again to stop at once.`,
  );
  try {
    await untilStopped(workers.failed, signal);
    return EXIT.interrupted;
  } finally {
    await workers.stop();
  }
}

/** Returns the size limit of fetched files; empty if the worker has the folders of its runs. */
function scratchOf(
  { scratch }: WorkerOptions,
  queues: readonly Queue[],
  { storage }: Pick<RunConfig, 'storage'>,
): { readonly scratchBytes?: number } {
  if (scratch === undefined) return {};
  if (!(scratch > 0))
    throw new ReigniteError('USAGE', `Expected a number of GB above 0 for --scratch, got ${scratch}.`);
  if (storage === undefined) {
    throw new ReigniteError('USAGE', '--scratch needs object storage to fetch from.', {
      remedy: 'Add `--set storage=s3://BUCKET/PREFIX`, the same as that of the runs.',
    });
  }
  if (queues.some((queue) => queue !== 'inference')) {
    throw new ReigniteError('USAGE', 'Without the folders of the runs, a worker can serve only the inference queue.', {
      remedy: 'Add `--queues inference`; the queues download, render and orchestration need the folders.',
    });
  }
  return { scratchBytes: scratch * GB };
}

const LAST_GPU = 63;

/**
 * Checks the GPU assigned to the worker, before it accepts work that it cannot do.
 *
 * @param obstacleOn - Replacement for tests.
 */
export function gpuOf(
  { device }: Pick<WorkerOptions, 'device'>,
  queues: readonly Queue[],
  obstacleOn = cudaObstacleOn,
): { readonly device?: number } {
  if (device === undefined) return {};
  if (!Number.isInteger(device) || device < 0 || device > LAST_GPU) {
    throw new ReigniteError('USAGE', `Expected the number of a GPU from 0 to ${LAST_GPU} for --device, got ${device}.`);
  }
  if (!queues.includes('inference')) {
    throw new ReigniteError('USAGE', 'Only the inference queue uses a GPU, and this worker does not serve it.', {
      remedy: 'Add `inference` to `--queues`, or leave out `--device`.',
    });
  }
  const obstacle = obstacleOn(device);
  if (obstacle === undefined) return { device };
  const { reason, remedy } = obstacle;
  const message = `GPU ${device}, which \`--device\` names, cannot be used: ${reason}.`;
  throw new ReigniteError('PROVIDER_UNAVAILABLE', message, { remedy });
}

function drainOf({ drain }: WorkerOptions): { readonly drainSeconds?: number } {
  if (drain === undefined) return {};
  if (drain >= 0) return { drainSeconds: drain * 60 };
  throw new ReigniteError('USAGE', `Expected --drain to be 0 minutes or more, got ${drain}.`);
}

function parseQueue(name: string): Queue {
  const queue = QUEUES.find((each) => each === name);
  if (queue !== undefined) return queue;
  throw new ReigniteError('USAGE', `Unknown queue "${name}".${didYouMean(name, QUEUES)}`, {
    remedy: `Queues are ${QUEUES.join(', ')}.`,
  });
}

async function findServer(home: string): Promise<ServerAddress> {
  const server = externalServer() ?? (await runningServer(home));
  if (server !== undefined) return server;
  throw new ReigniteError('USAGE', `No Temporal server is running for the state directory ${home}.`, {
    remedy: 'Set TEMPORAL_ADDRESS to a server, or start one with `npx reignite server`.',
  });
}
