import { didYouMean } from '../../config/suggest.ts';
import { QUEUES, type Queue } from '../../config/tasks.ts';
import { loadConfig } from '../../runtime/config/load-config.ts';
import { connectTo, externalServer } from '../../runtime/server/connection.ts';
import type { ServerAddress } from '../../runtime/server/server-address.ts';
import { runningServer } from '../../runtime/server/server-record.ts';
import { WorkerProcesses } from '../../runtime/workers/worker-processes.ts';
import { workerSettingsOf } from '../../runtime/workers/worker-settings.ts';
import { placesNamedIn } from '../../toolkit/access/named-places.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { makePrivateHome } from '../../toolkit/files/private-home.ts';
import { untilStopped, whenInterrupted } from '../interruption.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { withHomeServer } from '../with-home-server.ts';

/** `reignite server`: the state directory's Temporal server alone, until Ctrl-C; workers and runs attach to it. */
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

export interface WorkerOptions {
  readonly queues?: readonly string[];
  readonly data?: string;
  readonly results?: string;
  readonly set: readonly string[];
  readonly profile: string;
}

/**
 * `reignite worker`: serves task queues until Ctrl-C, on the server that TEMPORAL_ADDRESS names, else on the running
 * one of the home.
 *
 * @throws ReigniteError USAGE for a queue that is none, or when there is no server; WORKER_LOST.
 */
export async function workerCommand(options: WorkerOptions, signal: AbortSignal): Promise<number> {
  const queues = (options.queues ?? QUEUES).map(parseQueue);
  const config = await loadConfig(options);
  const { data, results } = options;
  const places = placesNamedIn({ config, data, results });
  const settings = { ...workerSettingsOf(config), places };
  const home = homeFromEnvironment();
  await makePrivateHome(home.home, printStep);
  const server = await findServer(home.home);
  const client = await connectTo(server);
  await client.connection.close();
  const workers = new WorkerProcesses({ home, server, settings, queues, onStep: printStep, signal });
  printStep(`Serves ${queues.join(', ')} on ${server.address}. Press Ctrl-C to stop.`);
  whenInterrupted('Stopped. Another worker retries unfinished activities.');
  try {
    await untilStopped(workers.failed, signal);
    return EXIT.interrupted;
  } finally {
    await workers.stop();
  }
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
