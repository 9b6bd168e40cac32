import type { Client, Connection, WorkflowExecutionDescription } from '@temporalio/client';
import { pause } from '../../toolkit/concurrency.ts';

const POLL_MS = 400;
/** Query timeout: a busy or missing worker must not block the polling. */
const QUERY_MS = 2_000;
/** Time for a restarting server to answer. */
const DESCRIBE_MS = 15_000;

/** Queries a workflow; undefined if no answer comes in time. */
export type Ask = <Answer>(question: () => Promise<Answer>) => Promise<Answer | undefined>;

/** Handles one description of a workflow. */
export type Look = (description: WorkflowExecutionDescription, ask: Ask) => Promise<void>;

/**
 * Describes a workflow about twice a second until it has closed.
 *
 * @throws The signal's reason; the server's error when it cannot be reached.
 */
export async function* describeUntilClosed(
  client: Client & { readonly connection: Connection },
  id: string,
  signal: AbortSignal,
): AsyncGenerator<{ readonly description: WorkflowExecutionDescription; readonly ask: Ask }, void, undefined> {
  const handle = client.workflow.getHandle(id);
  const ask: Ask = (question) => client.connection.withDeadline(Date.now() + QUERY_MS, question).catch(() => undefined);
  for (;;) {
    signal.throwIfAborted();
    const description = await client.connection.withDeadline(Date.now() + DESCRIBE_MS, () => handle.describe());
    if (description.status.name !== 'RUNNING') return;
    yield { description, ask };
    await pause(POLL_MS, signal);
  }
}

/** Calls `look` with each description of a workflow until it has closed. @throws What `describeUntilClosed` throws. */
export async function untilClosed(
  client: Client & { readonly connection: Connection },
  id: string,
  look: Look,
  signal: AbortSignal,
): Promise<void> {
  for await (const { description, ask } of describeUntilClosed(client, id, signal)) await look(description, ask);
}
