import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type WorkflowOptions,
} from '@temporalio/client';
import type { ServerAddress } from '../server/server-address.ts';
import { workflowBundle } from '../workers/workflow-bundle.ts';

export interface NewestExecution {
  readonly isOpen: boolean;
  readonly memo: Readonly<Record<string, unknown>>;
}

/** Returns state and memo of the newest workflow of an ID; undefined if there is none. */
export async function newestExecution(client: Client, id: string): Promise<NewestExecution | undefined> {
  try {
    const { status, memo } = await client.workflow.getHandle(id).describe();
    return { isOpen: status.name === 'RUNNING', memo: memo ?? {} };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Returns the memo of the open workflow of an ID; undefined if none is open. */
async function openMemo(client: Client, id: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const newest = await newestExecution(client, id);
  return newest?.isOpen === true ? newest.memo : undefined;
}

/** A workflow of which at most one is open under its ID. */
export interface OnceOpen {
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly staticSummary: string;
  readonly staticDetails: readonly string[];
  readonly memo: Readonly<Record<string, unknown>>;
  /** Message when the open workflow cannot be resumed, because another version of the workflows started it. */
  readonly restarting: string;
  /**
   * Whether to fail with WorkflowExecutionAlreadyStartedError if another command starts it in the meantime. @default
   * false
   */
  readonly mustBeNew?: boolean;
  readonly start: (options: WorkflowOptions) => Promise<unknown>;
}

/**
 * Starts a workflow, or attaches to the open one with the same ID. On the embedded server, a workflow that another
 * version of the workflows started is restarted.
 */
export async function startOrAttach(
  client: Client,
  server: ServerAddress,
  { start, restarting, mustBeNew = false, staticDetails, memo, ...options }: OnceOpen,
  onStep: (line: string) => void,
): Promise<'started' | 'attached'> {
  const { workflowId } = options;
  const { digest: workflows } = await workflowBundle();
  const open = await openMemo(client, workflowId);
  const isOurs = open?.['workflows'] === workflows;
  if (open !== undefined && !server.external && !isOurs) {
    await client.workflow.getHandle(workflowId).terminate('started by another version of reignite');
    onStep(restarting);
  }
  try {
    await start({
      ...options,
      workflowIdConflictPolicy: mustBeNew && open === undefined ? 'FAIL' : 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticDetails: staticDetails.join('\n'),
      memo: { ...memo, workflows },
    });
  } catch (error) {
    if (mustBeNew || !(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  return open !== undefined && (isOurs || server.external) ? 'attached' : 'started';
}
