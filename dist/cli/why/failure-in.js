import { defaultPayloadConverter } from '@temporalio/common';
import { remedyOf } from '../../toolkit/remedy-of.js';
/** Finds the error of ours below what Temporal wraps around it. */
export function failureIn(failure) {
    if (!failure)
        return undefined;
    const application = failure.applicationFailureInfo;
    if (!application) {
        if (failure.cause)
            return failureIn(failure.cause);
        const isTimeout = Boolean(failure.timeoutFailureInfo);
        const cause = isTimeout ? `The attempt was silent for too long: its worker is gone, or hangs.` : failure.message;
        return { code: 'INTERNAL', cause: cause ?? '', remedy: remedyOf('WORKER_LOST') };
    }
    const code = application.type ?? 'INTERNAL';
    const [payload] = application.details?.payloads ?? [];
    const details = payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
    const cause = textIn(details, 'cause') ?? failure.message ?? '';
    return { code, cause, remedy: textIn(details, 'remedy') ?? remedyOf(code) };
}
function textIn(value, name) {
    const text = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
    return typeof text === 'string' ? text : undefined;
}
