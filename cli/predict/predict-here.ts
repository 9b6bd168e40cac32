import type { Task } from '../../config/tasks.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { makePrivateHome } from '../../toolkit/files/private-home.ts';
import { createRoiSegmenter } from '../../toolkit/nnunet/roi-segmenter.ts';
import type { ImagePrediction } from '../../toolkit/predict/prediction.ts';
import type { ImagePredictor, NamedImage, PredictionOrder } from '../../toolkit/predict/prediction-order.ts';
import {
  type ImageFailure,
  type PredictionSummary,
  writePredictionSummary,
} from '../../toolkit/predict/prediction-summary.ts';
import { describeFailure } from '../../toolkit/predict/prediction-tables.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { createCellDetector } from '../../toolkit/yolov5/cell-detector.ts';
import { printStep } from '../output.ts';
import { PredictionProgress } from './progress.ts';

/**
 * Predicts images one after the other in this process; no server is needed. What is finished stays when it is
 * interrupted.
 *
 * @throws What `openPredictor` throws; what an image is refused for, unless it is that it cannot be read.
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
  try {
    const onConverted = (done: number, of: number) => progress.say(`fold ${done} of ${of} converted to ONNX`);
    const predictor = await taskNamed(order.task).openPredictor(order, home, engines, { signal, onConverted });
    const predicted = await predictAll(images, order.task, predictor, progress, signal);
    const model = { path: order.model, ...predictor.model };
    const summary = { task: order.task, model, images: predicted.images, failures: predicted.failures };
    await writePredictionSummary(order.out, summary);
    return summary;
  } finally {
    progress.end();
    await engines.segmenter.close();
    await engines.detector.close();
  }
}

/** An image that cannot be read is told and left out; the others are not to wait for it. */
async function predictAll(
  named: readonly NamedImage[],
  task: Task,
  predictor: ImagePredictor,
  progress: PredictionProgress,
  signal: AbortSignal,
): Promise<Pick<PredictionSummary, 'images' | 'failures'>> {
  const images: ImagePrediction[] = [];
  const failures: ImageFailure[] = [];
  for (const image of named) {
    progress.begin(image.name);
    try {
      images.push(await predictor.predict(image, { signal, onProgress: (step) => progress.step(step, task) }));
    } catch (error) {
      if (!(error instanceof ReigniteError && error.code === 'IMAGE_UNREADABLE')) throw error;
      const { code, message: cause, remedy } = error;
      const failure = { image: image.path, code, cause, remedy };
      failures.push(failure);
      progress.say(describeFailure(failure));
    }
  }
  return { images, failures };
}
