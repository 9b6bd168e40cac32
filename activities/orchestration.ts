import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { openResults } from './open-results.ts';
import { createReadPage } from './read-page.ts';
import { createWriteSummary } from './write-summary.ts';
import { createWriteTrace } from './write-trace.ts';

/** Short steps beside the workflows: the results folder, the pages of plans, the summary, the trace. */
export function createOrchestrationActivities(home: HomeFolders) {
  return {
    openResults,
    readPage: createReadPage(home),
    writeSummary: createWriteSummary(home),
    writeTrace: createWriteTrace(),
  };
}
export type OrchestrationActivities = ReturnType<typeof createOrchestrationActivities>;
