import { hostname } from 'node:os';
import { taskQueue } from '../../config/task-queues.js';
import { isSignallable } from '../../toolkit/files/process-identity.js';
const WORKFLOW_QUEUE = 1;
export const ACTIVITY_QUEUE = 2;
/** A poller seen longer ago has gone: a live one comes back every minute. */
const POLLER_SEEN_MS = 70_000;
/** How workers show in the Temporal UI; on a server of several machines with the host, which tells them apart here. */
export function workerIdentity(queue, { external }) {
    return external ? `${queue} ${process.pid}@${hostname()}` : `${queue} ${process.pid}`;
}
/** Those of `queues` that no worker polls. */
export async function unpolledQueues(client, namespace, prefix, queues) {
    const pollers = await Promise.all(queues.map((queue) => {
        const type = queue === 'orchestration' ? WORKFLOW_QUEUE : ACTIVITY_QUEUE;
        return livePollers(client.workflowService, namespace, taskQueue(prefix, queue), type);
    }));
    return queues.filter((_, index) => pollers[index]?.length === 0);
}
/** Identities of the workers that poll a task queue, of `WORKFLOW_QUEUE` or `ACTIVITY_QUEUE` type. */
export async function livePollers(service, namespace, name, type) {
    const { pollers } = await service.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType: type });
    return (pollers ?? []).flatMap(({ identity, lastAccessTime }) => {
        const isRecent = Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1_000 < POLLER_SEEN_MS;
        return isRecent && !hasEndedHere(identity ?? '') ? [identity ?? ''] : [];
    });
}
/** The server remembers pollers for a while; of this machine's it can be told at once whether they live. */
function hasEndedHere(identity) {
    const [, pid, host] = /^\S+ (\d+)@(.+)$/.exec(identity) ?? [];
    return host === hostname() && pid !== undefined && !isSignallable(Number(pid));
}
