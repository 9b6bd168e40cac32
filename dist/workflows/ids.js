/** Ids are paths: a child's id begins with its parent's, so that the UI lists a run's parts together. */
export const runId = (record, profile, digest) => `reproduce/${record}/${profile}/${digest}`;
export const downloadId = (record, digest) => `download/${record}/${digest}`;
export const predictionId = (task, digest) => `predict/${task}/${digest}`;
export const stageId = (run, stage) => `${run}/${stage}`;
export const chunkId = (stage, page) => `${stage}/${String(page).padStart(5, '0')}`;
