import { type PredictImagesInput, PredictionOrder } from '../../activities/inputs.ts';
import { PredictionFiles } from '../../activities/predict-images.ts';
import { canonicalJson } from '../../config/digest.ts';
import { taskQueue } from '../../config/tasks.ts';
import { loadConfig } from '../../runtime/load-config.ts';
import type { KnownPrediction } from '../../runtime/run/find-run.ts';
import { type LiveStage, type Look, pendingSteps, untilClosed } from '../../runtime/run/run-progress.ts';
import { type OnceOpen, startOrAttach } from '../../runtime/run/start-run.ts';
import { type ServerSession, watchOn, withServer } from '../../runtime/server/server-session.ts';
import { workerSettingsOf } from '../../runtime/workers/worker-settings.ts';
import { mapConcurrent } from '../../toolkit/concurrency.ts';
import { allowPlaces } from '../../toolkit/files/allowed-places.ts';
import { type HomeFolders, homeFromEnvironment } from '../../toolkit/files/folders.ts';
import { sha256Of } from '../../toolkit/files/hash-file.ts';
import { isSlideImage } from '../../toolkit/predict/input-image.ts';
import type { NamedImage, PredictionOrder as Order } from '../../toolkit/predict/prediction.ts';
import { claimOf, PredictionFolder } from '../../toolkit/predict/prediction-folder.ts';
import {
  describeFailure,
  type PredictionSummary,
  readPredictionSummary,
} from '../../toolkit/predict/prediction-summary.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import type { ControlState } from '../../workflows/control.ts';
import { predictionId } from '../../workflows/ids.ts';
import type { predictImages } from '../../workflows/predict-images.ts';
import type { StageProgress } from '../../workflows/progress.ts';
import { RESUMABLE, STILL_RUNNING, whenInterrupted } from '../interruption.ts';
import { printStep } from '../output.ts';
import { pausedLine, RESUMED, tellRunPage } from '../run/follow-run.ts';
import { openProgress } from '../run/progress-display.ts';
import { printPrediction } from './print-prediction.ts';

const FILES_AT_ONCE = 16;

/**
 * Predicts images as a workflow: one activity per image, which is retried, shared among the workers of a server and
 * shown in the Temporal UI. The same command attaches to an open prediction; finished images come from the cache.
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
  await withServer({ home, settings, queues: PREDICTION_QUEUES, onStep: printStep, signal }, async (session) => {
    await startPrediction(session, { id, input });
    await followPrediction(session, id, signal);
  });
  return readRunSummary(order.out, images);
}

/** Claims the folder, locking it only briefly: the workers of several runs may write to it. */
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

/** Marks the images that are slides: several workers share them. */
function markSlides({ choices }: Order, images: readonly NamedImage[]): Promise<readonly NamedImage[]> {
  return mapConcurrent(images, FILES_AT_ONCE, undefined, async (image) => {
    return (await isSlideImage(image, choices)) ? { ...image, slide: true } : image;
  });
}

/** Writes the list of images into the state directory, in batches, for the workflow and its workers. */
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
  await allowPlaces(home, { read: images.flatMap(({ path, channels }) => channels ?? [path]) });
  const batches = Math.ceil(images.length / batchSize);
  for (let batch = 0; batch < batches; batch++) {
    await files.writeBatch(batch, images.slice(batch * batchSize, (batch + 1) * batchSize));
  }
  const list = { folder, batches, total: images.length };
  return { id: predictionId(order.task, digest), input: { order, list, temporal } };
}

/** Queues that a prediction needs. */
const PREDICTION_QUEUES = ['orchestration', 'inference'] as const;

/**
 * Follows a prediction to its end and prints the result; opens its own server session if no other command works on it.
 *
 * @param options.start - Whether to start it again first.
 * @returns The exit status.
 */
export async function followKnownPrediction(
  prediction: KnownPrediction,
  { start, json }: { readonly start: boolean; readonly json: boolean },
  signal: AbortSignal,
): Promise<number> {
  const { order, list } = prediction.input;
  const home = homeFromEnvironment();
  const settings = workerSettingsOf(await loadConfig({ profile: 'sample', set: [] }));
  let toStart = start;
  await withServer({ home, settings, queues: PREDICTION_QUEUES, onStep: printStep, signal }, async (session) => {
    whenInterrupted(session.owner ? RESUMABLE : STILL_RUNNING);
    if (toStart) await startPrediction(session, prediction);
    toStart = false;
    await followPrediction(session, prediction.id, signal);
  });
  const images = await new PredictionFiles(home, list).readAll(list.batches);
  return printPrediction(await readRunSummary(order.out, images), images, order.out, { json }, signal);
}

/** Reads the summary of a finished prediction, and prints the images that failed. */
async function readRunSummary(out: string, images: readonly NamedImage[]): Promise<PredictionSummary> {
  const summary = await readPredictionSummary(out);
  const paths = new Set(images.map(({ path }) => path));
  for (const failure of summary.failures) if (paths.has(failure.image)) printStep(describeFailure(failure));
  return summary;
}

/** Starts a prediction, or attaches to the open one. */
async function startPrediction({ client, server }: ServerSession, { id, input }: KnownPrediction): Promise<void> {
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
}

/** Follows a prediction until it has closed. @throws The error that ended it; the signal's reason. */
async function followPrediction(session: ServerSession, id: string, signal: AbortSignal): Promise<void> {
  const { client, server } = session;
  tellRunPage(server, id);
  const display = openProgress();
  let wasPaused = false;
  const show = ({ stages, paused }: PredictionProgress) => {
    if (paused !== wasPaused) printStep(paused ? pausedLine(id) : RESUMED);
    wasPaused = paused;
    display.show(stages);
  };
  try {
    await watchOn(session, signal, (until) => watchPrediction(client, id, show, until));
  } finally {
    display.end();
  }
  await client.workflow.getHandle<typeof predictImages>(id).result();
}

interface PredictionProgress {
  readonly stages: readonly LiveStage[];
  readonly paused: boolean;
}

function watchPrediction(
  client: ServerSession['client'],
  id: string,
  onProgress: (progress: PredictionProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const handle = client.workflow.getHandle(id);
  const look: Look = async ({ raw }, ask) => {
    const stages = await ask(() => handle.query<StageProgress[]>('progress'));
    const control = await ask(() => handle.query<ControlState>('control'));
    const steps = pendingSteps(raw.pendingActivities ?? []);
    const live = stages?.map((stage) => ({ ...stage, steps }));
    if (live !== undefined) onProgress({ stages: live, paused: control?.paused ?? false });
  };
  return untilClosed(client, id, look, signal);
}
