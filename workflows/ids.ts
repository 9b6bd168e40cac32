/** IDs are paths: a child's ID starts with its parent's, so that the UI lists the parts of a run together. */
export const runId = (record: string, profile: string, digest: string) => `reproduce/${record}/${profile}/${digest}`;
export const scheduleId = (record: string, profile: string) => `schedule/${record}/${profile}`;
export const downloadId = (record: string, digest: string) => `download/${record}/${digest}`;
export const predictionId = (task: string, digest: string) => `predict/${task}/${digest}`;
export const stageId = (run: string, stage: string) => `${run}/${stage}`;
export const batchId = (stage: string, batch: number) => `${stage}/${String(batch).padStart(5, '0')}`;
