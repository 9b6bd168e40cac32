import { writePredictionSummary } from '../toolkit/predict/prediction-summary.js';
import { withHeartbeat } from './heartbeat.js';
import { PredictionFiles } from './prediction-files.js';
import { WritePredictionInput } from './prediction-inputs.js';
/** Writes `summary.json` and the table of a prediction from how its images ended. */
export function createWritePrediction(home) {
    return async function writePrediction(input) {
        const { order, list } = WritePredictionInput.parse(input);
        return withHeartbeat({ phase: 'gathering' }, async () => {
            const { digest, images, failures } = await gather(new PredictionFiles(home, list), list.pages);
            const { task, model: path, out } = order;
            await writePredictionSummary(out, { task, model: { path, digest }, images, failures });
            return { predicted: images.length, failed: failures.length };
        });
    };
}
async function gather(files, pages) {
    const images = [];
    const failures = [];
    let digest = '';
    for (let page = 0; page < pages; page++) {
        for (const image of await files.readPage(page)) {
            const outcome = (await files.readOutcome(image)) ?? { failure: unknownEnd(image.path) };
            if ('failure' in outcome)
                failures.push(outcome.failure);
            else {
                images.push(outcome.prediction);
                digest = outcome.model;
            }
        }
    }
    return { digest, images, failures };
}
/** Of an image whose last attempt could not even note how it ended. */
function unknownEnd(image) {
    return {
        image,
        code: 'INTERNAL',
        cause: `Nothing is known of how ${image} ended.`,
        remedy: 'Look at its step in the Temporal UI, then type the same command again.',
    };
}
