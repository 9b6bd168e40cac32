import { Context } from '@temporalio/activity';
/** Runs one attempt; a failure gets the wait before the next one, or is made the last. */
export async function withPatience(patience, { zenodo, retrySeconds, subject, bytes }, work) {
    const begun = Date.now();
    const { workflowExecution, activityId } = Context.current().info;
    try {
        const result = await work();
        await patience.done(subject);
        return result;
    }
    catch (error) {
        if (Context.current().cancellationSignal.aborted)
            throw error;
        const execution = `${workflowExecution?.runId ?? ''} ${activityId}`;
        throw await patience.after(error, { subject, execution, bytes: await bytes(), begun }, {
            patienceMs: zenodo.patienceSeconds * 1_000,
            spaceMs: zenodo.spaceSeconds * 1_000,
            retryMs: retrySeconds * 1_000,
        });
    }
}
