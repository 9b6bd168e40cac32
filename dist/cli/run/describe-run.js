import { readSummaryFile } from '../../toolkit/report/summary.js';
/** What Temporal and the run's results folder say of it; no worker is asked. */
export async function describeRun(execution) {
    const { workflowId, status, startTime, closeTime } = execution;
    const summary = isPrediction(execution) ? undefined : await summaryOf(execution);
    const verdicts = Object.entries(summary?.tasks ?? {}).map(([task, { verdict }]) => [task, verdict]);
    return {
        run: workflowId,
        status: status.name === 'COMPLETED' ? (summary?.status ?? 'done') : status.name.toLowerCase(),
        started: startTime.toISOString(),
        closed: closeTime?.toISOString() ?? null,
        results: resultsOf(execution) ?? predictionsOf(execution) ?? null,
        verdicts: Object.fromEntries(verdicts),
    };
}
/** The summary that a run left; undefined when its results folder is gone or another run's by now. */
export async function summaryOf(execution) {
    const results = resultsOf(execution);
    const summary = results === undefined ? undefined : await readSummaryFile(results);
    return summary?.run === execution.workflowId ? summary : undefined;
}
/** Whether it predicts images of the user's; else it is a run of a record. */
export function isPrediction({ type }) {
    return type === 'predictImages';
}
/** The results folder that a run was started with. */
export function resultsOf(execution) {
    return textOf(execution, 'results');
}
/** The folder that a prediction was started with. */
function predictionsOf(execution) {
    return textOf(execution, 'out');
}
function textOf({ memo }, key) {
    const value = memo?.[key];
    return typeof value === 'string' ? value : undefined;
}
