import { PredictionFiles } from '../../activities/predict/prediction-files.ts';
import { type PredictImagesInput, PredictionOrder } from '../../activities/predict/prediction-inputs.ts';
import { canonicalJson } from '../../config/digest.ts';
import { taskQueue } from '../../config/tasks.ts';
import { loadConfig } from '../../runtime/config/load-config.ts';
import type { LiveStage } from '../../runtime/run/run-progress.ts';
import { pendingSteps } from '../../runtime/run/run-progress.ts';
import { type OnceOpen, startOrAttach } from '../../runtime/run/start-or-attach.ts';
import { type Look, untilClosed } from '../../runtime/run/until-closed.ts';
import type { ServerSession } from '../../runtime/session/server-session.ts';
import { watchOn, withServer } from '../../runtime/session/with-server.ts';
import { workerSettingsOf } from '../../runtime/workers/worker-settings.ts';
import { allowPlaces } from '../../toolkit/access/allowed-places.ts';
import { mapConcurrent } from '../../toolkit/concurrency.ts';
import { sha256Of } from '../../toolkit/files/hash-file.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { isSeenAsSlide } from '../../toolkit/predict/input-image.ts';
import { claimOf, PredictionFolder } from '../../toolkit/predict/prediction-folder.ts';
import type { NamedImage, PredictionOrder as Order } from '../../toolkit/predict/prediction-order.ts';
import {
  describeFailure,
  type PredictionSummary,
  readPredictionSummary,
} from '../../toolkit/predict/prediction-summary.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { predictionId } from '../../workflows/ids.ts';
import type { predictImages } from '../../workflows/predict-images.ts';
import type { StageProgress } from '../../workflows/progress.ts';
import { printStep } from '../output.ts';
import { runPage } from '../run/follow-run.ts';
import { openProgress } from '../run/progress-display.ts';

const QUEUES = ['orchestration', 'inference'] as const;
const FILES_AT_ONCE = 16;

/**
 * Predicts images as a workflow: an activity each, retried, shared among the workers of a server, in the Temporal UI.
 * The same command attaches to a prediction that is open, and takes from the cache what was done before.
 *
 * @throws The signal's reason; what `withServer` throws.
 */
export async function predictAsRun(
  order: Order,
  images: readonly NamedImage[],
  home: HomeFolders,
  signal: AbortSignal,
): Promise<PredictionSummary> {
  await claimFolder(order, images, home, signal);
  const config = await loadConfig({ profile: 'sample', set: [] });
  const { id, input } = await listImages(order, await markSlides(order, images), home, config.temporal);
  const settings = workerSettingsOf(config);
  await withServer({ home, settings, queues: QUEUES, onStep: printStep, signal }, (session) =>
    follow(session, id, input, signal),
  );
  const summary = await readPredictionSummary(order.out);
  const paths = new Set(images.map(({ path }) => path));
  for (const failure of summary.failures) if (paths.has(failure.image)) printStep(describeFailure(failure));
  return summary;
}

/** The folder is kept for this command only while it is looked at: the workers of several runs may write into it. */
async function claimFolder(
  order: Order,
  images: readonly NamedImage[],
  home: HomeFolders,
  signal: AbortSignal,
): Promise<void> {
  const folder = new PredictionFolder(order.out);
  const lock = await folder.lock();
  try {
    const onConverted = (done: number, of: number) => printStep(`fold ${done} of ${of} converted to ONNX`);
    const model = await taskNamed(order.task).preparePredictor(order, home, { signal, onConverted });
    await folder.claim(await claimOf(order, model));
    await folder.refuseUnwritable(order.task, images);
  } finally {
    await lock.release();
  }
}

/** Says which of the images are slides: those are shared by several workers. */
function markSlides({ choices }: Order, images: readonly NamedImage[]): Promise<readonly NamedImage[]> {
  return mapConcurrent(images, FILES_AT_ONCE, undefined, async (image) => {
    return (await isSeenAsSlide(image.path, choices)) ? { ...image, slide: true } : image;
  });
}

/** Writes the images into the state directory, in batches, where the workflow and its workers find them. */
async function listImages(
  asked: Order,
  images: readonly NamedImage[],
  home: HomeFolders,
  temporal: PredictImagesInput['temporal'],
): Promise<{ readonly id: string; readonly input: PredictImagesInput }> {
  const order = PredictionOrder.parse(asked);
  const digest = sha256Of(canonicalJson({ order, images })).slice(0, 16);
  const folder = `predict/${digest}`;
  const files = new PredictionFiles(home, { folder });
  const { batchSize } = temporal;
  await allowPlaces(home, { read: images.map(({ path }) => path) });
  const batches = Math.ceil(images.length / batchSize);
  for (let batch = 0; batch < batches; batch++) {
    await files.writeBatch(batch, images.slice(batch * batchSize, (batch + 1) * batchSize));
  }
  const list = { folder, batches, total: images.length };
  return { id: predictionId(order.task, digest), input: { order, list, temporal } };
}

async function follow(
  { client, server, ...session }: ServerSession,
  id: string,
  input: PredictImagesInput,
  signal: AbortSignal,
): Promise<void> {
  const { order, list, temporal } = input;
  const flow: OnceOpen = {
    workflowId: id,
    taskQueue: taskQueue(temporal.taskQueuePrefix, 'orchestration'),
    staticSummary: `Predict ${list.total} ${list.total === 1 ? 'image' : 'images'}: ${order.task}`,
    staticDetails: [
      `- Model: \`${order.model}\``,
      `- Predictions: \`${order.out}\``,
      '- A pending activity shows its image and tile.',
      '- To resume after a stop, run the same `npx reignite predict --run` again.',
    ],
    memo: { model: order.model, out: order.out },
    restarting:
      'The open prediction was started by another version of reignite. Restarting it; finished work is reused from the cache.',
    start: (options) => client.workflow.start<typeof predictImages>('predictImages', { ...options, args: [input] }),
  };
  const how = await startOrAttach(client, server, flow, printStep);
  printStep(`${how === 'started' ? 'Started' : 'Attached to'} ${id}`);
  if (server.uiUrl !== undefined) printStep(`Temporal UI: ${runPage(server.uiUrl, server.namespace, id)}`);
  const display = openProgress();
  try {
    await watchOn({ client, server, ...session }, signal, (until) =>
      watchPrediction(client, id, (stages) => display.show(stages), until),
    );
  } finally {
    display.end();
  }
  await client.workflow.getHandle<typeof predictImages>(id).result();
}

function watchPrediction(
  client: ServerSession['client'],
  id: string,
  onProgress: (stages: readonly LiveStage[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const handle = client.workflow.getHandle(id);
  const look: Look = async ({ raw }, ask) => {
    const stages = await ask(() => handle.query<StageProgress[]>('progress'));
    const steps = pendingSteps(raw.pendingActivities ?? []);
    if (stages !== undefined) onProgress(stages.map((stage) => ({ ...stage, steps })));
  };
  return untilClosed(client, id, look, signal);
}
