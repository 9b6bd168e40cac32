import { defaultPayloadConverter } from '@temporalio/common';
import { z } from 'zod';
import { untilClosed } from '../run/until-closed.js';
import { failureIn } from '../why/failure-in.js';
/** What a step of an acquisition tells in its heartbeats. */
const Beat = z.object({
    file: z.string(),
    phase: z.enum(['fetching', 'unpacking']),
    bytes: z.number(),
    of: z.number(),
    bytesPerSecond: z.number().optional(),
    secondsLeft: z.number().optional(),
});
/**
 * Follows an acquisition until it has closed.
 *
 * @param onFiles - Is told of the files, and of what holds up the question for the record itself.
 */
export async function watchDownload(client, id, onFiles, signal) {
    const handle = client.workflow.getHandle(id);
    const look = async ({ raw }, ask) => {
        const files = await ask(() => handle.query('files'));
        const pending = raw.pendingActivities ?? [];
        const record = pending.find(({ activityType }) => activityType?.name === 'fetchRecord');
        const steps = new Map(pending.flatMap((step) => {
            const beat = beatOf(step);
            return beat === undefined ? [] : [[beat.file, { beat, waits: waitOf(step) }]];
        }));
        const merged = (files ?? []).map((file) => {
            const { beat, waits } = steps.get(file.key) ?? {};
            return { ...file, ...(beat === undefined ? {} : { beat }), ...(waits === undefined ? {} : { waits }) };
        });
        onFiles(merged, record === undefined ? undefined : waitOf(record));
    };
    await untilClosed(client, id, look, signal);
}
function beatOf({ heartbeatDetails }) {
    const payload = heartbeatDetails?.payloads?.[0];
    if (payload === undefined)
        return undefined;
    const parsed = Beat.safeParse(defaultPayloadConverter.fromPayload(payload));
    return parsed.success ? parsed.data : undefined;
}
/** A step that is scheduled after a failure waits; one that has started again does not. */
function waitOf({ lastFailure, scheduledTime, lastStartedTime, state }) {
    if (!lastFailure?.message || state !== 1)
        return undefined;
    const next = millis(scheduledTime ?? lastStartedTime);
    const { cause, remedy } = failureIn(lastFailure) ?? { cause: lastFailure.message, remedy: '' };
    return { cause: `${cause} ${remedy}`.trim(), seconds: Math.max(0, Math.ceil((next - Date.now()) / 1_000)) };
}
function millis(time) {
    return Number(time?.seconds ?? 0) * 1_000 + Number(time?.nanos ?? 0) / 1e6;
}
