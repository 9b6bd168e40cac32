import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Connection, WorkflowExecutionDescription } from '@temporalio/client';

const POLL_MS = 400;
/** A question to a workflow whose worker is busy or away must not hold up the watching. */
const QUERY_MS = 2_000;
/** A server that is being started again is waited for so long. */
const DESCRIBE_MS = 15_000;

/** Asks questions of workflows; undefined where no answer comes in time. */
export type Ask = <Answer>(question: () => Promise<Answer>) => Promise<Answer | undefined>;

/** What is done with a look at a workflow. */
export type Look = (description: WorkflowExecutionDescription, ask: Ask) => Promise<void>;

/**
 * Looks at a workflow again and again until it has closed.
 *
 * @throws The signal's reason; the server's error when it cannot be reached.
 */
export async function untilClosed(
  client: Client & { readonly connection: Connection },
  id: string,
  look: Look,
  signal: AbortSignal,
): Promise<void> {
  const handle = client.workflow.getHandle(id);
  const ask: Ask = (question) => client.connection.withDeadline(Date.now() + QUERY_MS, question).catch(() => undefined);
  for (;;) {
    signal.throwIfAborted();
    const description = await client.connection.withDeadline(Date.now() + DESCRIBE_MS, () => handle.describe());
    if (description.status.name !== 'RUNNING') return;
    await look(description, ask);
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
