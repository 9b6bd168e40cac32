import { type Client, WorkflowNotFoundError } from '@temporalio/client';

/** The memo of the open workflow of an id; undefined when none is open. */
export async function openMemo(client: Client, id: string): Promise<Record<string, unknown> | undefined> {
  try {
    const { status, memo } = await client.workflow.getHandle(id).describe();
    return status.name === 'RUNNING' ? (memo ?? {}) : undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
