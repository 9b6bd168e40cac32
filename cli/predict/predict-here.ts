import type { Task } from '../../config/tasks.ts';
import type { ErrorCode } from '../../toolkit/errors.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { makePrivateHome } from '../../toolkit/files/private-home.ts';
import { createRoiSegmenter } from '../../toolkit/nnunet/roi-segmenter.ts';
import type { ImagePrediction } from '../../toolkit/predict/prediction.ts';
import { claimOf, failureOf, PredictionFolder } from '../../toolkit/predict/prediction-folder.ts';
import type { NamedImage, PredictionOrder } from '../../toolkit/predict/prediction-order.ts';
import type { ImageFailure, PredictionSummary } from '../../toolkit/predict/prediction-summary.ts';
import { describeFailure } from '../../toolkit/predict/prediction-tables.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { createCellDetector } from '../../toolkit/yolov5/cell-detector.ts';
import { printStep } from '../output.ts';
import { PredictionProgress } from './progress.ts';

/** How often the tables are written while images are predicted: a killed command leaves them almost complete. */
const MS_BETWEEN_TABLES = 5_000;
/** What would meet every other image as well. */
const OF_ALL_IMAGES: ReadonlySet<ErrorCode> = new Set(['NO_SPACE', 'MODEL_UNREADABLE', 'PROVIDER_UNAVAILABLE']);

/**
 * Predicts images one after the other in this process; no server is needed. What is finished stays when it is
 * interrupted. An image that fails is named in the summary, and the others are predicted.
 *
 * @returns The summary of everything in the folder.
 * @throws What `openPredictor` and the folder throw; what no image could be predicted for.
 */
export async function predictHere(
  order: PredictionOrder,
  images: readonly NamedImage[],
  home: HomeFolders,
  signal: AbortSignal,
): Promise<PredictionSummary> {
  await makePrivateHome(home.home, printStep);
  const progress = new PredictionProgress(images.length, process.stderr);
  const engines = { segmenter: createRoiSegmenter(), detector: createCellDetector() };
  const folder = new PredictionFolder(order.out);
  const lock = await folder.lock();
  try {
    const stop = AbortSignal.any([signal, lock.lost]);
    const onConverted = (done: number, of: number) => progress.say(`fold ${done} of ${of} converted to ONNX`);
    const predictor = await taskNamed(order.task).openPredictor(order, home, engines, {
      signal: stop,
      onConverted,
    });
    await folder.claim(await claimOf(order, predictor.model));
    await folder.refuseUnwritable(order.task, images);
    const predict = (image: NamedImage) => {
      progress.begin(image.name);
      return predictor.predict(image, { signal: stop, onProgress: (step) => progress.step(step, order.task) });
    };
    await predictAll(
      images,
      folder,
      order.task,
      predict,
      (failure) => progress.say(describeFailure(failure)),
      stop,
    ).catch(async (error: unknown) => {
      if (!lock.lost.aborted) await folder.writeSummary(images);
      throw error;
    });
    return await folder.writeSummary(images);
  } finally {
    progress.end();
    await lock.release();
    await engines.segmenter.close();
    await engines.detector.close();
  }
}

async function predictAll(
  images: readonly NamedImage[],
  folder: PredictionFolder,
  task: Task,
  predict: (image: NamedImage) => Promise<ImagePrediction>,
  onFailure: (failure: ImageFailure) => void,
  signal: AbortSignal,
): Promise<void> {
  let written = Date.now();
  for (const image of images) {
    await folder.begin(image);
    try {
      await folder.finish(image, await predict(image));
    } catch (error) {
      if (signal.aborted) {
        await folder.abandon(task, image);
        throw signal.reason;
      }
      const failure = failureOf(image, error);
      await folder.fail(image, failure);
      if (OF_ALL_IMAGES.has(failure.code)) throw error;
      onFailure(failure);
    }
    if (Date.now() - written < MS_BETWEEN_TABLES) continue;
    await folder.writeSummary(images);
    written = Date.now();
  }
}
