import { QUEUES } from '../../config/task-queues.js';
import { ReigniteError } from '../../toolkit/errors.js';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.js';
import { loadConfig } from '../config/load-config.js';
import { EXIT, printStep } from '../output.js';
import { untilStopped } from '../run/until-stopped.js';
import { WorkerProcesses } from '../run/worker-processes.js';
import { connectTo, externalServer } from '../temporal/connection.js';
import { runningServer } from '../temporal/server-record.js';
import { workerSettingsOf } from '../worker-settings.js';
/**
 * `reignite worker`: serves task queues until Ctrl-C, on the server that TEMPORAL_ADDRESS names, else on the running
 * one of the home.
 *
 * @throws ReigniteError USAGE for a queue that is none, or when there is no server; WORKER_LOST.
 */
export async function workerCommand(options, signal) {
    const queues = (options.queues ?? QUEUES).map(parseQueue);
    const settings = workerSettingsOf(await loadConfig(options));
    const home = homeFromEnvironment();
    const server = await findServer(home.home);
    const client = await connectTo(server);
    await client.connection.close();
    const workers = new WorkerProcesses({ home, server, settings, queues, onStep: printStep });
    printStep(`Serves ${queues.join(', ')} on ${server.address}. Ctrl-C ends it.`);
    try {
        await untilStopped(workers.failed, signal);
        return EXIT.interrupted;
    }
    finally {
        await workers.stop();
    }
}
function parseQueue(name) {
    const queue = QUEUES.find((each) => each === name);
    if (queue !== undefined)
        return queue;
    throw new ReigniteError('USAGE', `There is no queue "${name}".`, { remedy: `Queues are ${QUEUES.join(', ')}.` });
}
async function findServer(home) {
    const server = externalServer() ?? (await runningServer(home));
    if (server !== undefined)
        return server;
    throw new ReigniteError('USAGE', `No Temporal server runs in the home ${home}.`, {
        remedy: 'Set TEMPORAL_ADDRESS to a server, or start one with `npx reignite server`.',
    });
}
