import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, isCancellation, TimeoutFailure, } from '@temporalio/workflow';
/** Finds the error of ours below the wrappers that Temporal puts around it. */
export function nameFailure(error) {
    if (error instanceof ApplicationFailure)
        return { code: error.type ?? 'INTERNAL', ...detailsOf(error) };
    if ((error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) && error.cause !== undefined) {
        return nameFailure(error.cause);
    }
    if (error instanceof TimeoutFailure)
        return { code: 'INTERNAL', cause: `No answer in time: ${error.message}.` };
    return { code: 'INTERNAL', cause: error instanceof Error ? error.message : String(error) };
}
/** The details carry cause and remedy apart; the message has both in one. */
function detailsOf(failure) {
    const details = failure.details?.[0];
    if (typeof details !== 'object' || details === null)
        return { cause: failure.message };
    const text = (name) => {
        const value = Reflect.get(details, name);
        return typeof value === 'string' ? value : undefined;
    };
    const remedy = text('remedy');
    return { cause: text('cause') ?? failure.message, ...(remedy === undefined ? {} : { remedy }) };
}
/** As the end of a workflow: its page in the Temporal UI names code, cause and remedy. */
export function asFailure(error) {
    const failure = nameFailure(error);
    const { code: type, cause, remedy } = failure;
    const message = remedy === undefined ? `${type}: ${cause}` : `${type}: ${cause} ${remedy}`;
    const named = ApplicationFailure.create({ type, message, nonRetryable: true, details: [failure] });
    // The page shows the message first: lines of this file would only push it out of sight.
    named.stack = '';
    return named;
}
/** Does `work`; what ends a step or a child of it ends the workflow by its own name. Cancellation passes as it is. */
export async function namingFailures(work) {
    try {
        return await work();
    }
    catch (error) {
        const isStep = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure;
        throw isStep && !isCancellation(error) ? asFailure(error) : error;
    }
}
