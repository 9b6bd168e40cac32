import { continueAsNew, isCancellation, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { PredictImageOutcome } from '../activities/predict/predict-image.ts';
import type { PredictImageInput, PredictImagesInput } from '../activities/predict/prediction-inputs.ts';
import type { WrittenPrediction } from '../activities/predict/write-prediction.ts';
import { allOrCancel, mapSettledConcurrent } from './concurrency.ts';
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
  const images = await readImages.executeWithOptions({ summary: `list of batch ${from.batch + 1}` }, [
    { list, batch: from.batch },
  ]);
  await mapSettledConcurrent(images, temporal.maxConcurrentRois, async (image) => {
    let isOver = true;
    try {
      const outcome = await predictOne({ order, list, image }, temporal);
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

/**
 * Predicts an image in one step, a slide in strips that workers share. Lists of earlier releases name no slides: their
 * histories take the first way, as they were recorded.
 */
async function predictOne(
  input: PredictImageInput,
  temporal: PredictImagesInput['temporal'],
): Promise<PredictImageOutcome> {
  const { image } = input;
  const { planSlide, predictStrip, predictImage } = inference(temporal);
  if (image.slide !== true) return predictImage.executeWithOptions({ summary: image.name }, [input]);
  const { strips } = await planSlide.executeWithOptions({ summary: `${image.name}: strips` }, [input]);
  await allOrCancel([...strips.entries()], ([index, strip]) =>
    predictStrip.executeWithOptions({ summary: `${image.name}: strip ${index + 1} of ${strips.length}` }, [
      { ...input, strip },
    ]),
  );
  return predictImage.executeWithOptions({ summary: image.name }, [{ ...input, strips: [...strips] }]);
}
