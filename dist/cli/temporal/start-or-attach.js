import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { openMemo } from '../run/open-memo.js';
import { workflowBundle } from '../workflow-bundle.js';
/**
 * Starts a workflow, or attaches to the one that is open under the same id. On the embedded server one that another
 * version of the workflows began is begun anew.
 */
export async function startOrAttach(client, server, { start, begunAnew, staticDetails, memo, ...options }, onStep) {
    const { workflowId } = options;
    const { digest: workflows } = await workflowBundle();
    const open = await openMemo(client, workflowId);
    const isOurs = open?.['workflows'] === workflows;
    if (open !== undefined && !server.external && !isOurs) {
        await client.workflow.getHandle(workflowId).terminate('begun by another version of reignite');
        onStep(begunAnew);
    }
    try {
        await start({
            ...options,
            workflowIdConflictPolicy: 'USE_EXISTING',
            workflowIdReusePolicy: 'ALLOW_DUPLICATE',
            staticDetails: staticDetails.join('\n'),
            memo: { ...memo, workflows },
        });
    }
    catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError))
            throw error;
    }
    return open !== undefined && (isOurs || server.external) ? 'attached' : 'started';
}
