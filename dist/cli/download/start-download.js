import { canonicalJson } from '../../config/digest.js';
import { taskQueue } from '../../config/task-queues.js';
import { sha256Of } from '../../toolkit/files/hash-file.js';
import { downloadId } from '../../workflows/ids.js';
import { startOrAttach } from '../temporal/start-or-attach.js';
/** Fixes an acquisition's id: what is fetched, and into which folder. From where does not belong to it. */
export function resolveDownload(input) {
    const { config, data, whole, only } = input;
    const { record } = config;
    const tasks = [...config.tasks].sort();
    const digest = sha256Of(canonicalJson({ record, data, tasks: whole ? 'all' : tasks, only })).slice(0, 16);
    return { id: downloadId(record, digest), input };
}
/** Starts an acquisition, or attaches to the one that is open under the same id. */
export function startDownload(client, server, { id, input }, onStep) {
    const { config, data } = input;
    const flow = {
        workflowId: id,
        taskQueue: taskQueue(config.temporal.taskQueuePrefix, 'orchestration'),
        staticSummary: `Fetch record ${config.record}`,
        staticDetails: [
            `- Data: \`${data}\``,
            '- A pending activity shows its file, its bytes and its rate.',
            '- To go on after a stop, type the same `npx reignite download` again.',
        ],
        memo: { record: config.record, data },
        begunAnew: 'The open download was begun by another version of reignite: it is begun anew, from what is on disk.',
        start: (options) => client.workflow.start('acquire', { ...options, args: [input] }),
    };
    return startOrAttach(client, server, flow, onStep);
}
