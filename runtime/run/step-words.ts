/** What each activity is doing, as a phrase. */
const WORDS: Readonly<Record<string, string>> = {
  openResults: 'opening the results folder',
  fetchRecord: 'requesting the record',
  downloadFile: 'downloading',
  unpackArchive: 'unpacking',
  prepareModel: 'preparing the model',
  probeInference: 'loading the model',
  planTask: 'looking up ROIs in the cache',
  inferRoi: 'reading an image',
  predictImage: 'reading an image',
  planSlide: 'looking at a slide',
  predictStrip: 'predicting part of a slide',
  drawBatch: 'drawing figures of ROIs',
  aggregateTask: 'computing metrics',
  drawFigures: 'drawing figures over all ROIs',
  compareTask: 'comparing with the published results',
  measureTask: 'measuring discrepancies',
  writeDiscrepancies: 'writing the discrepancy report',
  writeSummary: 'writing the summary',
  writeTrace: 'reading the history',
  writeReport: 'writing the report',
  writePrediction: 'writing tables',
};

/** Describes what an activity is doing; undefined for one that is not shown. */
export function stepWords(activity: string): string | undefined {
  return WORDS[activity];
}
