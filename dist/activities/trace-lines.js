import { defaultPayloadConverter } from '@temporalio/common';
/** The steps in a workflow's history, each in the state in which it was left. */
export function traceLines(workflow, events) {
    const steps = new Map();
    for (const event of events) {
        const scheduled = event.activityTaskScheduledEventAttributes;
        if (scheduled) {
            steps.set(String(event.eventId), {
                workflow,
                step: scheduled.activityType?.name ?? '',
                summary: summaryOf(event),
                scheduled: isoOf(event.eventTime),
                started: null,
                closed: null,
                queueSeconds: null,
                runSeconds: null,
                attempts: 0,
                worker: '',
                peakMemoryBytes: null,
                outcome: 'open',
            });
        }
        const started = event.activityTaskStartedEventAttributes;
        if (started) {
            const { attempt, identity } = started;
            change(steps, started.scheduledEventId, (line) => ({
                started: isoOf(event.eventTime),
                queueSeconds: secondsBetween(line.scheduled, isoOf(event.eventTime)),
                attempts: attempt ?? 1,
                worker: identity ?? '',
            }));
        }
        const [closing, outcome] = closingOf(event);
        if (closing) {
            change(steps, closing.scheduledEventId, (line) => ({
                closed: isoOf(event.eventTime),
                runSeconds: secondsBetween(line.started, isoOf(event.eventTime)),
                outcome,
                peakMemoryBytes: peakOf(event),
            }));
        }
    }
    return [...steps.values()];
}
function closingOf(event) {
    if (event.activityTaskCompletedEventAttributes)
        return [event.activityTaskCompletedEventAttributes, 'completed'];
    if (event.activityTaskFailedEventAttributes)
        return [event.activityTaskFailedEventAttributes, 'failed'];
    if (event.activityTaskTimedOutEventAttributes)
        return [event.activityTaskTimedOutEventAttributes, 'timed out'];
    return [event.activityTaskCanceledEventAttributes, 'cancelled'];
}
/** A step that ended well brings it with its result (observe-step.ts). */
function peakOf({ activityTaskCompletedEventAttributes: completed }) {
    const [payload] = completed?.result?.payloads ?? [];
    const result = payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
    const peak = typeof result === 'object' && result !== null ? Reflect.get(result, 'peakMemoryBytes') : null;
    return typeof peak === 'number' ? peak : null;
}
function change(steps, scheduledEventId, changesOf) {
    const line = steps.get(String(scheduledEventId));
    if (line !== undefined)
        steps.set(String(scheduledEventId), { ...line, ...changesOf(line) });
}
function summaryOf({ userMetadata }) {
    const payload = userMetadata?.summary;
    const text = payload ? defaultPayloadConverter.fromPayload(payload) : '';
    return typeof text === 'string' ? text : '';
}
function isoOf(time) {
    if (!time)
        return null;
    return new Date(Number(time.seconds ?? 0) * 1_000 + (time.nanos ?? 0) / 1e6).toISOString();
}
function secondsBetween(from, to) {
    return from === null || to === null ? null : (Date.parse(to) - Date.parse(from)) / 1_000;
}
