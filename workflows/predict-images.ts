import { continueAsNew, isCancellation, setCurrentDetails, setHandler, workflowInfo } from '@temporalio/workflow';
import type { PredictImageInput, PredictImagesInput } from '../activities/inputs.ts';
import type { PredictImageOutcome, WrittenPrediction } from '../activities/predict-images.ts';
import { allOrCancel, mapSettledConcurrent } from './concurrency.ts';
import { type ControlState, RunControl } from './control.ts';
import { type FailedItem, failureList, toFailureInfo, withFailureInfo } from './failures.ts';
import { progress, progressTable, type StageProgress } from './progress.ts';
import { aggregationActivities, inference, readImages } from './steps.ts';

/** Progress of a prediction, passed on by continue-as-new. */
export interface PredictionState {
  readonly batch: number;
  readonly done: number;
  readonly cached: number;
  readonly failed: number;
}

const BEGIN: PredictionState = { batch: 0, done: 0, cached: 0, failed: 0 };

/** Predicts the user's images, one batch per execution. Failed images are listed in the summary; the others are continued. */
export function predictImages(input: PredictImagesInput, from: PredictionState = BEGIN): Promise<WrittenPrediction> {
  return withFailureInfo(() => predictFrom(input, from));
}

async function predictFrom(input: PredictImagesInput, from: PredictionState): Promise<WrittenPrediction> {
  const { order, list } = input;
  const now = { ...from };
  const named: FailedItem[] = [];
  const stage = (): StageProgress => {
    const { done, cached, failed } = now;
    return { stage: order.task, unit: 'images', done, of: list.total, cached, failed, state: 'running' };
  };
  const show = () => {
    const { paused } = control.state;
    const shown = { ...stage(), ...(paused && { state: 'paused' as const }) };
    const head = paused ? [`**Paused.** Resume with \`npx reignite resume ${workflowInfo().workflowId}\`.`, ''] : [];
    setCurrentDetails([...head, progressTable([shown]), ...failureList(named)].join('\n'));
  };
  const control = new RunControl(input.temporal.maxConcurrentRois, show);
  setHandler(progress, () => [stage()]);
  control.listen();
  show();
  return control.runInterruptibly((state) => {
    // An interrupted batch restarts from its first image: finished images come from the cache.
    Object.assign(now, from);
    named.length = 0;
    return predictBatch(withWindow(input, state), { now, named, show });
  });
}

/** Returns the input with the number of concurrent images that a user set. */
function withWindow(input: PredictImagesInput, { maxConcurrentRois }: ControlState): PredictImagesInput {
  return { ...input, temporal: { ...input.temporal, maxConcurrentRois } };
}

interface Counts {
  readonly now: { -readonly [Name in keyof PredictionState]: PredictionState[Name] };
  readonly named: FailedItem[];
  readonly show: () => void;
}

/** Predicts and counts the images of a batch; writes the tables after the last batch. */
async function predictBatch(input: PredictImagesInput, { now, named, show }: Counts): Promise<WrittenPrediction> {
  const { order, list, temporal } = input;
  const images = await readImages.executeWithOptions({ summary: `list of batch ${now.batch + 1}` }, [
    { list, batch: now.batch },
  ]);
  await mapSettledConcurrent(images, temporal.maxConcurrentRois, async (image) => {
    let isOver = true;
    try {
      const outcome = await predictOne({ order, list, image }, temporal);
      if (outcome.cached) now.cached += 1;
    } catch (error) {
      isOver = !isCancellation(error);
      if (isOver) {
        now.failed += 1;
        named.push({ item: image.name, ...toFailureInfo(error) });
      }
      throw error;
    } finally {
      if (isOver) {
        now.done += 1;
        show();
      }
    }
  });
  const batch = now.batch + 1;
  if (batch < list.batches) return continueAsNew<typeof predictImages>(input, { ...now, batch });
  const { writePrediction } = aggregationActivities(temporal);
  return writePrediction.executeWithOptions({ summary: 'summary and table' }, [{ order, list }]);
}

/**
 * Predicts an image in one activity, or a slide in strips that workers share. Lists of earlier releases do not mark
 * slides, so their histories replay unchanged.
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
