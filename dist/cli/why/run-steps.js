import { traceLines } from '../../activities/trace-lines.js';
import { failureIn } from './failure-in.js';
/** All workflows of a run with their steps, oldest first. Needs no worker. */
export async function partsOf(client, run) {
    const parts = [];
    const query = `RootWorkflowId = ${JSON.stringify(run.workflowId)}`;
    for await (const { workflowId, runId, rootExecution, startTime, status } of client.workflow.list({ query })) {
        if (rootExecution?.runId !== run.runId)
            continue;
        const handle = client.workflow.getHandle(workflowId, runId);
        const events = (await handle.fetchHistory()).events ?? [];
        const pending = status.name === 'RUNNING' ? ((await handle.describe()).raw.pendingActivities ?? []) : [];
        const failure = failureIn(events.at(-1)?.workflowExecutionFailedEventAttributes?.failure);
        parts.push({
            workflow: workflowId,
            execution: runId,
            startedMs: startTime.getTime(),
            steps: stepsOf(workflowId, runId, events, pending),
            ...(failure === undefined ? {} : { failure }),
        });
    }
    return parts.sort((a, b) => a.startedMs - b.startedMs);
}
function stepsOf(workflow, execution, events, pending) {
    const asked = events.filter((event) => event.activityTaskScheduledEventAttributes);
    const failures = new Map();
    const note = (id, failure) => {
        if (failure !== undefined)
            failures.set(String(id), failure);
    };
    for (const event of events) {
        const started = event.activityTaskStartedEventAttributes;
        if (started)
            note(started.scheduledEventId, failureIn(started.lastFailure));
        const ended = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
        if (ended)
            note(ended.scheduledEventId, failureIn(ended.failure));
    }
    // The lines come in the order in which the steps were asked for.
    return traceLines(workflow, events).map((line, index) => {
        const event = asked[index];
        const id = event?.activityTaskScheduledEventAttributes?.activityId;
        const waiting = line.outcome === 'open' ? pending.find(({ activityId }) => activityId === id) : undefined;
        const failure = failureIn(waiting?.lastFailure) ?? failures.get(String(event?.eventId));
        return {
            ...line,
            attempts: waiting?.attempt ?? line.attempts,
            execution,
            event: Number(event?.eventId ?? 0),
            ...(failure === undefined ? {} : { failure }),
        };
    });
}
