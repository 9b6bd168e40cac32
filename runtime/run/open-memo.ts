import { type Client, WorkflowNotFoundError } from '@temporalio/client';

export interface NewestExecution {
  readonly isOpen: boolean;
  readonly memo: Readonly<Record<string, unknown>>;
}

/** What the newest workflow of an id was started with; undefined when there was none. */
export async function newestExecution(client: Client, id: string): Promise<NewestExecution | undefined> {
  try {
    const { status, memo } = await client.workflow.getHandle(id).describe();
    return { isOpen: status.name === 'RUNNING', memo: memo ?? {} };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** The memo of the open workflow of an id; undefined when none is open. */
export async function openMemo(client: Client, id: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const newest = await newestExecution(client, id);
  return newest?.isOpen === true ? newest.memo : undefined;
}
