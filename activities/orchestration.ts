import type { HomeFolders } from '../toolkit/files/folders.ts';
import { createReadImages, createWritePrediction } from './predict-images.ts';
import { createWriteSummary, noteVerdicts, openResults } from './report/run-results.ts';
import { createWriteTrace } from './report/write-trace.ts';
import { createReadBatch } from './task/task-files.ts';

/** Short activities on the workflows' queue: the results folder, batches of ROIs and images, summaries, the trace. */
export function createOrchestrationActivities(home: HomeFolders) {
  return {
    openResults,
    noteVerdicts,
    readBatch: createReadBatch(home),
    readImages: createReadImages(home),
    writePrediction: createWritePrediction(home),
    writeSummary: createWriteSummary(home),
    writeTrace: createWriteTrace(),
  };
}
export type OrchestrationActivities = ReturnType<typeof createOrchestrationActivities>;
