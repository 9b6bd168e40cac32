import { PredictionFiles } from '../../activities/predict/prediction-files.ts';
import { type PredictImagesInput, PredictionOrder } from '../../activities/predict/prediction-inputs.ts';
import { canonicalJson } from '../../config/digest.ts';
import { loadConfig } from '../../runtime/config/load-config.ts';
import { withServer } from '../../runtime/session/with-server.ts';
import { workerSettingsOf } from '../../runtime/workers/worker-settings.ts';
import { allowPlaces } from '../../toolkit/access/allowed-places.ts';
import { mapConcurrent } from '../../toolkit/concurrency.ts';
import { sha256Of } from '../../toolkit/files/hash-file.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { isSlideImage } from '../../toolkit/predict/input-image.ts';
import { claimOf, PredictionFolder } from '../../toolkit/predict/prediction-folder.ts';
import type { NamedImage, PredictionOrder as Order } from '../../toolkit/predict/prediction-order.ts';
import type { PredictionSummary } from '../../toolkit/predict/prediction-summary.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { predictionId } from '../../workflows/ids.ts';
import { printStep } from '../output.ts';
import { followPrediction, PREDICTION_QUEUES, readRunSummary, startPrediction } from './follow-prediction.ts';

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
