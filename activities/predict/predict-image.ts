import { Context } from '@temporalio/activity';
import { canonicalJson } from '../../config/digest.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { claimOf, failureOf, PredictionFolder } from '../../toolkit/predict/prediction-folder.ts';
import type { ImagePredictor, PredictionEngines } from '../../toolkit/predict/prediction-order.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { PredictImageInput, type PredictionOrder } from './prediction-inputs.ts';

export interface PredictImageOutcome {
  readonly cached: boolean;
}

/**
 * Predicts one image of a prediction; its files and scores are written to the prediction's folder.
 *
 * Safe to kill anywhere: finished tiles, then the cache entry are what the next attempt resumes from.
 */
export function createPredictImage(home: HomeFolders, engines: PredictionEngines) {
  const opened = new LastPredictor(home, engines);
  return async function predictImage(input: PredictImageInput): Promise<PredictImageOutcome> {
    const { order, image } = PredictImageInput.parse(input);
    const folder = new PredictionFolder(order.out);
    const signal = Context.current().cancellationSignal;
    return withHeartbeat({ image: image.name, phase: 'reading' }, async (beat) => {
      let isOurs = false;
      try {
        const predictor = await opened.of(order, signal);
        await folder.expect(await claimOf(order, predictor.model));
        isOurs = true;
        await folder.begin(image);
        const onProgress = (progress: object) => beat({ image: image.name, ...progress });
        const deaths = { name: image.name, signal };
        const prediction = await predictor.predict(image, { signal, onProgress, deaths });
        await folder.finish(image, prediction);
        return { cached: prediction.cached };
      } catch (error) {
        if (isOurs && !signal.aborted) await folder.fail(image, failureOf(image, error));
        throw error;
      }
    });
  };
}

/** Keeps the predictor of the last order: a prediction has many images and one model. */
class LastPredictor {
  readonly #home: HomeFolders;
  readonly #engines: PredictionEngines;
  #last: { readonly key: string; readonly predictor: ImagePredictor } | undefined;

  constructor(home: HomeFolders, engines: PredictionEngines) {
    this.#home = home;
    this.#engines = engines;
  }

  async of(order: PredictionOrder, signal: AbortSignal): Promise<ImagePredictor> {
    const key = canonicalJson(order);
    if (this.#last?.key !== key) {
      this.#last = {
        key,
        predictor: await taskNamed(order.task).openPredictor(order, this.#home, this.#engines, { signal }),
      };
    }
    return this.#last.predictor;
  }
}
