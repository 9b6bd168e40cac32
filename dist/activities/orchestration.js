import { openResults } from './open-results.js';
import { createReadImages } from './read-images.js';
import { createReadPage } from './read-page.js';
import { createWritePrediction } from './write-prediction.js';
import { createWriteSummary } from './write-summary.js';
import { createWriteTrace } from './write-trace.js';
/** Short steps beside the workflows: the results folder, pages of plans and of images, summaries, the trace. */
export function createOrchestrationActivities(home) {
    return {
        openResults,
        readPage: createReadPage(home),
        readImages: createReadImages(home),
        writePrediction: createWritePrediction(home),
        writeSummary: createWriteSummary(home),
        writeTrace: createWriteTrace(),
    };
}
