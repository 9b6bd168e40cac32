import { WorkflowNotFoundError } from '@temporalio/client';
/** What the newest workflow of an id was started with; undefined when there was none. */
export async function newestExecution(client, id) {
    try {
        const { status, memo } = await client.workflow.getHandle(id).describe();
        return { isOpen: status.name === 'RUNNING', memo: memo ?? {} };
    }
    catch (error) {
        if (error instanceof WorkflowNotFoundError)
            return undefined;
        throw error;
    }
}
/** The memo of the open workflow of an id; undefined when none is open. */
export async function openMemo(client, id) {
    const newest = await newestExecution(client, id);
    return newest?.isOpen === true ? newest.memo : undefined;
}
