import { PredictionFiles } from '../../activities/prediction-files.js';
import { PredictionOrder } from '../../activities/prediction-inputs.js';
import { canonicalJson } from '../../config/digest.js';
import { taskQueue } from '../../config/task-queues.js';
import { sha256Of } from '../../toolkit/files/hash-file.js';
import { readPredictionSummary } from '../../toolkit/predict/prediction-summary.js';
import { describeFailure } from '../../toolkit/predict/prediction-tables.js';
import { predictionId } from '../../workflows/ids.js';
import { loadConfig } from '../config/load-config.js';
import { printStep } from '../output.js';
import { runPage } from '../run/follow-run.js';
import { onPlatform, watchOn } from '../run/on-platform.js';
import { pendingSteps } from '../run/pending-steps.js';
import { ProgressLines } from '../run/progress-lines.js';
import { untilClosed } from '../run/until-closed.js';
import { startOrAttach } from '../temporal/start-or-attach.js';
import { workerSettingsOf } from '../worker-settings.js';
const QUEUES = ['orchestration', 'inference'];
/**
 * Predicts images as a workflow: an activity each, retried, shared among the workers of a server, in the Temporal UI.
 * The same command attaches to a prediction that is open, and takes from the cache what was done before.
 *
 * @throws The signal's reason; what `onPlatform` throws.
 */
export async function predictAsRun(order, images, home, signal) {
    const config = await loadConfig({ profile: 'sample', set: [] });
    const { id, input } = await listImages(order, images, home, config.temporal);
    const settings = workerSettingsOf(config);
    await onPlatform({ home, settings, queues: QUEUES, onStep: printStep, signal }, (platform) => follow(platform, id, input, signal));
    const summary = await readPredictionSummary(order.out);
    for (const failure of summary.failures)
        printStep(describeFailure(failure));
    return summary;
}
/** Writes the images into the home, in pages, where the workflow and its workers find them. */
async function listImages(asked, images, home, temporal) {
    const order = PredictionOrder.parse(asked);
    const digest = sha256Of(canonicalJson({ order, images })).slice(0, 16);
    const folder = `predict/${digest}`;
    const files = new PredictionFiles(home, { folder });
    const { pageSize } = temporal;
    const pages = Math.ceil(images.length / pageSize);
    for (let page = 0; page < pages; page++) {
        await files.writePage(page, images.slice(page * pageSize, (page + 1) * pageSize));
    }
    const list = { folder, pages, total: images.length };
    return { id: predictionId(order.task, digest), input: { order, list, temporal } };
}
async function follow({ client, server, ...platform }, id, input, signal) {
    const { order, list, temporal } = input;
    const flow = {
        workflowId: id,
        taskQueue: taskQueue(temporal.taskQueuePrefix, 'orchestration'),
        staticSummary: `Predict ${list.total} ${list.total === 1 ? 'image' : 'images'}: ${order.task}`,
        staticDetails: [
            `- Model: \`${order.model}\``,
            `- Predictions: \`${order.out}\``,
            '- A pending activity shows its image and tile.',
            '- To go on after a stop, type the same `npx reignite predict --run` again.',
        ],
        memo: { model: order.model, out: order.out },
        begunAnew: 'The open prediction was begun by another version of reignite: it is begun anew, from the cache.',
        start: (options) => client.workflow.start('predictImages', { ...options, args: [input] }),
    };
    const how = await startOrAttach(client, server, flow, printStep);
    printStep(`${how === 'started' ? 'Started' : 'Attached to'} ${id}`);
    if (server.uiUrl !== undefined)
        printStep(`Temporal UI: ${runPage(server.uiUrl, server.namespace, id)}`);
    const lines = new ProgressLines(printStep);
    await watchOn({ client, server, ...platform }, signal, (until) => watchPrediction(client, id, (stages) => lines.show(stages), until));
    await client.workflow.getHandle(id).result();
}
function watchPrediction(client, id, onProgress, signal) {
    const handle = client.workflow.getHandle(id);
    const look = async ({ raw }, ask) => {
        const stages = await ask(() => handle.query('progress'));
        const steps = pendingSteps(raw.pendingActivities ?? []);
        if (stages !== undefined)
            onProgress(stages.map((stage) => ({ ...stage, steps })));
    };
    return untilClosed(client, id, look, signal);
}
