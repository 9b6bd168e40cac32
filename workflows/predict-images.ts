import { continueAsNew, isCancellation, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { PredictImagesInput } from '../activities/predict/prediction-inputs.ts';
import type { WrittenPrediction } from '../activities/predict/write-prediction.ts';
import { mapSettledConcurrent } from './concurrency.ts';
import { type FailedItem, failureList, toFailureInfo, withFailureInfo } from './failures.ts';
import { progress, progressTable, type StageProgress } from './progress.ts';
import { aggregationActivities, inference, readImages } from './steps.ts';

/** Progress of a prediction, passed on when it continues as new. */
export interface PredictionState {
  readonly batch: number;
  readonly done: number;
  readonly cached: number;
  readonly failed: number;
}

const BEGIN: PredictionState = { batch: 0, done: 0, cached: 0, failed: 0 };

/** Predicts the user's images, one batch per execution; an image that fails is listed in the summary, and the rest continues. */
export function predictImages(input: PredictImagesInput, from: PredictionState = BEGIN): Promise<WrittenPrediction> {
  return withFailureInfo(() => predictFrom(input, from));
}

async function predictFrom(input: PredictImagesInput, from: PredictionState): Promise<WrittenPrediction> {
  const { order, list, temporal } = input;
  let { done, cached, failed } = from;
  const now = (): StageProgress[] => {
    return [{ stage: order.task, unit: 'images', done, of: list.total, cached, failed, state: 'running' }];
  };
  const named: FailedItem[] = [];
  const show = () => setCurrentDetails([progressTable(now()), ...failureList(named)].join('\n'));
  setHandler(progress, now);
  show();
  const { predictImage } = inference(temporal);
  const images = await readImages.executeWithOptions({ summary: `list of batch ${from.batch + 1}` }, [
    { list, batch: from.batch },
  ]);
  await mapSettledConcurrent(images, temporal.maxConcurrentRois, async (image) => {
    let isOver = true;
    try {
      const outcome = await predictImage.executeWithOptions({ summary: image.name }, [{ order, list, image }]);
      if (outcome.cached) cached += 1;
    } catch (error) {
      isOver = !isCancellation(error);
      if (isOver) {
        failed += 1;
        named.push({ item: image.name, ...toFailureInfo(error) });
      }
      throw error;
    } finally {
      if (isOver) {
        done += 1;
        show();
      }
    }
  });
  const batch = from.batch + 1;
  if (batch < list.batches) return continueAsNew<typeof predictImages>(input, { batch, done, cached, failed });
  const { writePrediction } = aggregationActivities(temporal);
  return writePrediction.executeWithOptions({ summary: 'summary and table' }, [{ order, list }]);
}
