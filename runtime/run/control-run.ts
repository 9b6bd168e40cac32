import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, isGrpcDeadlineError, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { SkippedRoi } from '../../activities/inputs.ts';
import { bestEffort } from '../../toolkit/concurrency.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { ServerSession } from '../session/server-session.ts';

/** A cancelled run with a responsive workflow closes within this time; any other is terminated. */
const CANCEL_MS = 5_000;
/** How long to wait for a worker to start. */
const SERVED_WITHIN_MS = 30_000;
const UPDATE_MS = 20_000;
const POLL_MS = 200;
const LOOK_MS = 1_500;

/** An update of a run's workflow with its argument. */
export type RunUpdate =
  | { readonly name: 'pause' | 'resume'; readonly argument?: never }
  | { readonly name: 'setMaxConcurrentRois'; readonly argument: number }
  | { readonly name: 'skipRoi'; readonly argument: SkippedRoi };

/**
 * Sends an update to an open run and waits for its completion.
 *
 * @throws ReigniteError USAGE when the run rejects it or has closed; WORKER_LOST when the run does not answer.
 */
export async function updateRun(client: Client, id: string, { name, argument }: RunUpdate): Promise<void> {
  await forgetWorkers(client, id);
  try {
    const handle = client.workflow.getHandle(id);
    await client.withDeadline(Date.now() + UPDATE_MS, () =>
      argument === undefined ? handle.executeUpdate(name) : handle.executeUpdate(name, { args: [argument] }),
    );
  } catch (error) {
    const remedy = 'Run `npx reignite status` to see its state.';
    if (error instanceof WorkflowUpdateFailedError) {
      throw new ReigniteError('USAGE', error.cause?.message ?? error.message, { remedy, cause: error });
    }
    if (error instanceof WorkflowNotFoundError) {
      throw new ReigniteError('USAGE', `The run ${id} ended before the request reached it.`, { remedy, cause: error });
    }
    if (isGrpcDeadlineError(error)) {
      const cause = `The run ${id} has not answered within ${UPDATE_MS / 1_000} s; the request may still take effect.`;
      throw new ReigniteError('WORKER_LOST', cause, { remedy, cause: error });
    }
    throw error;
  }
}

/** Cancels an open run or prediction and waits until it has closed; terminates it if its workflow does not answer. */
export async function cancelRun({ client, ready, failed }: ServerSession, id: string): Promise<void> {
  const handle = client.workflow.getHandle(id);
  await forgetWorkers(client, id);
  await handle.cancel();
  let deadline = Date.now() + SERVED_WITHIN_MS;
  void ready().then(() => {
    deadline = Math.min(deadline, Date.now() + CANCEL_MS);
  });
  while (Date.now() < deadline) {
    if (await hasClosed(client, id)) return;
    await Promise.race([sleep(POLL_MS), failed]);
  }
  await handle.terminate('cancelled, and its workflow did not answer');
}

/**
 * Returns whether a run has closed. The deadline is short because the server may be shutting down; the caller then
 * retries.
 */
async function hasClosed(client: Client, id: string): Promise<boolean> {
  try {
    const { status } = await client.withDeadline(Date.now() + LOOK_MS, () => client.workflow.getHandle(id).describe());
    return status.name !== 'RUNNING';
  } catch (error) {
    if (isGrpcDeadlineError(error)) return false;
    throw error;
  }
}

/**
 * Lets any worker answer for a run and its children. Otherwise the server first waits ten seconds for the worker that
 * answered last, even if that one is dead.
 */
async function forgetWorkers(client: Client, id: string): Promise<void> {
  const { raw } = await client.workflow.getHandle(id).describe();
  const children = (raw.pendingChildren ?? []).flatMap(({ workflowId }) => workflowId ?? []);
  await client.workflowService.resetStickyTaskQueue({
    namespace: client.options.namespace,
    execution: { workflowId: id },
  });
  await Promise.all(
    children.map((child) => bestEffort(forgetWorkers(client, child), 'a closed child has no sticky worker')),
  );
}
