import { ReigniteError } from '../../toolkit/errors.js';
import { createRoiSegmenter } from '../../toolkit/nnunet/roi-segmenter.js';
import { openPredictor, } from '../../toolkit/predict/open-predictor.js';
import { writePredictionSummary, } from '../../toolkit/predict/prediction-summary.js';
import { describeFailure } from '../../toolkit/predict/prediction-tables.js';
import { createCellDetector } from '../../toolkit/yolov5/cell-detector.js';
import { PredictionProgress } from './progress.js';
/**
 * Predicts images one after the other in this process; no server is needed. What is finished stays when it is
 * interrupted.
 *
 * @throws What `openPredictor` throws; what an image is refused for, unless it is that it cannot be read.
 */
export async function predictHere(order, images, home, signal) {
    const progress = new PredictionProgress(images.length, process.stderr);
    const engines = { segmenter: createRoiSegmenter(), detector: createCellDetector() };
    try {
        const onConverted = (done, of) => progress.say(`fold ${done} of ${of} converted to ONNX`);
        const predictor = await openPredictor(order, home, engines, { signal, onConverted });
        const predicted = await predictAll(images, order.task, predictor, progress, signal);
        const model = { path: order.model, digest: predictor.digest };
        const summary = { task: order.task, model, images: predicted.images, failures: predicted.failures };
        await writePredictionSummary(order.out, summary);
        return summary;
    }
    finally {
        progress.end();
        await engines.segmenter.close();
        await engines.detector.close();
    }
}
/** An image that cannot be read is told and left out; the others are not to wait for it. */
async function predictAll(named, task, predictor, progress, signal) {
    const images = [];
    const failures = [];
    for (const image of named) {
        progress.begin(image.name);
        try {
            images.push(await predictor.predict(image, { signal, onProgress: (step) => progress.step(step, task) }));
        }
        catch (error) {
            if (!(error instanceof ReigniteError && error.code === 'IMAGE_UNREADABLE'))
                throw error;
            const { code, message: cause, remedy } = error;
            const failure = { image: image.path, code, cause, remedy };
            failures.push(failure);
            progress.say(describeFailure(failure));
        }
    }
    return { images, failures };
}
