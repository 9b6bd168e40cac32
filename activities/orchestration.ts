import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { openResults } from './open-results.ts';
import { createReadImages } from './read-images.ts';
import { createReadPage } from './read-page.ts';
import { createWritePrediction } from './write-prediction.ts';
import { createWriteSummary } from './write-summary.ts';
import { createWriteTrace } from './write-trace.ts';

/** Short steps beside the workflows: the results folder, pages of plans and of images, summaries, the trace. */
export function createOrchestrationActivities(home: HomeFolders) {
  return {
    openResults,
    readPage: createReadPage(home),
    readImages: createReadImages(home),
    writePrediction: createWritePrediction(home),
    writeSummary: createWriteSummary(home),
    writeTrace: createWriteTrace(),
  };
}
export type OrchestrationActivities = ReturnType<typeof createOrchestrationActivities>;
