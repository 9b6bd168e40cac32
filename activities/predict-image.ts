import { Context } from '@temporalio/activity';
import { canonicalJson } from '../config/digest.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import type { ImagePredictor, PredictionEngines } from '../toolkit/predict/prediction-order.ts';
import { taskNamed } from '../toolkit/tasks/task-named.ts';
import { beginAttempt, endAttempt } from './attempt-log.ts';
import { withHeartbeat } from './heartbeat.ts';
import { PredictionFiles } from './prediction-files.ts';
import { PredictImageInput, type PredictionOrder } from './prediction-inputs.ts';

export interface PredictImageOutcome {
  readonly cached: boolean;
}

/**
 * Predicts one image of the user's; its files land in the folder of the prediction, its numbers in the home.
 *
 * Safe to kill anywhere: finished tiles, then the cache entry are what the next attempt goes on from.
 */
export function createPredictImage(home: HomeFolders, engines: PredictionEngines) {
  const opened = new LastPredictor(home, engines);
  return async function predictImage(input: PredictImageInput): Promise<PredictImageOutcome> {
    const { order, list, image } = PredictImageInput.parse(input);
    const files = new PredictionFiles(home, list);
    const signal = Context.current().cancellationSignal;
    return withHeartbeat({ image: image.name, phase: 'reading' }, async (beat) => {
      let begun: string | undefined;
      try {
        const predictor = await opened.of(order, signal);
        const onProgress = (progress: object) => beat({ image: image.name, ...progress });
        const onWork = async (work: string) => {
          await beginAttempt(work, image.name, signal);
          begun = work;
        };
        const prediction = await predictor.predict(image, { signal, onProgress, onWork });
        await files.writeOutcome(image, { model: predictor.model, prediction });
        return { cached: prediction.cached };
      } catch (error) {
        if (begun !== undefined) await endAttempt(begun, error);
        if (error instanceof ReigniteError && !error.retryable && !signal.aborted) {
          const { code, message: cause, remedy } = error;
          await files.writeOutcome(image, { failure: { image: image.path, code, cause, remedy } });
        }
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
