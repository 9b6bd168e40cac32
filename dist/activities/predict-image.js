import { Context } from '@temporalio/activity';
import { canonicalJson } from '../config/digest.js';
import { ReigniteError } from '../toolkit/errors.js';
import { openPredictor } from '../toolkit/predict/open-predictor.js';
import { beginAttempt, endAttempt } from './attempt-log.js';
import { withHeartbeat } from './heartbeat.js';
import { PredictionFiles } from './prediction-files.js';
import { PredictImageInput } from './prediction-inputs.js';
/**
 * Predicts one image of the user's; its files land in the folder of the prediction, its numbers in the home.
 *
 * Safe to kill anywhere: finished tiles, then the cache entry are what the next attempt goes on from.
 */
export function createPredictImage(home, engines) {
    const opened = new LastPredictor(home, engines);
    return async function predictImage(input) {
        const { order, list, image } = PredictImageInput.parse(input);
        const files = new PredictionFiles(home, list);
        const signal = Context.current().cancellationSignal;
        return withHeartbeat({ image: image.name, phase: 'reading' }, async (beat) => {
            let begun;
            try {
                const predictor = await opened.of(order, signal);
                const onProgress = (progress) => beat({ image: image.name, ...progress });
                const onWork = async (work) => {
                    await beginAttempt(work, image.name, signal);
                    begun = work;
                };
                const prediction = await predictor.predict(image, { signal, onProgress, onWork });
                await files.writeOutcome(image, { model: predictor.digest, prediction });
                return { cached: prediction.cached };
            }
            catch (error) {
                if (begun !== undefined)
                    await endAttempt(begun, error);
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
    #home;
    #engines;
    #last;
    constructor(home, engines) {
        this.#home = home;
        this.#engines = engines;
    }
    async of(order, signal) {
        const key = canonicalJson(order);
        if (this.#last?.key !== key) {
            this.#last = { key, predictor: await openPredictor(order, this.#home, this.#engines, { signal }) };
        }
        return this.#last.predictor;
    }
}
