import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, isGrpcDeadlineError, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { isPrediction } from '../../runtime/run/describe-run.ts';
import { findRun, RUNS_AND_PREDICTIONS } from '../../runtime/run/find-run.ts';
import type { ServerSession } from '../../runtime/session/server-session.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { EXIT, printResult } from '../output.ts';
import { withHomeServer } from '../run/with-home-server.ts';

export type Steering = 'pause' | 'resume' | 'cancel';

/** A run whose workflow answers closes by then, once it is served; one that does not is ended from outside. */
const CANCEL_MS = 5_000;
/** A worker that has not begun to serve by then is not waited for. */
const SERVED_WITHIN_MS = 30_000;
const UPDATE_MS = 20_000;
const POLL_MS = 200;
const LOOK_MS = 1_500;

const DONE: Readonly<Record<Steering, string>> = {
  pause: 'is paused. `npx reignite resume` goes on.',
  resume: 'goes on. Where no command runs it, type its `npx reignite run` again.',
  cancel: 'is cancelled. The command that began it, typed again, goes on from what is there.',
};

/**
 * `reignite pause`, `resume`, `cancel`: steers an open run; a prediction can be cancelled. Workflows are served meanwhile, so that the run answers
 * also where nobody works on it.
 *
 * @throws ReigniteError RUN_NOT_FOUND, USAGE when the run is closed, or already as it should be, or cannot be steered so.
 */
export async function steerCommand(
  how: Steering,
  part: string | undefined,
  { json }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  let cancelling: string | undefined;
  const order = async (session: ServerSession) => {
    const { client } = session;
    const execution = await findRun(client, cancelling ?? part, RUNS_AND_PREDICTIONS);
    const { workflowId, status } = execution;
    // The command that ran it ended with it, and took the server away before this one saw the end.
    if (cancelling !== undefined && ['CANCELLED', 'TERMINATED'].includes(status.name)) return workflowId;
    if (status.name !== 'RUNNING') {
      throw new ReigniteError('USAGE', `The run ${workflowId} is closed (${status.name.toLowerCase()}).`, {
        remedy: 'Run `npx reignite list` for the runs that are open.',
      });
    }
    if (how !== 'cancel' && isPrediction(execution)) {
      throw new ReigniteError('USAGE', `${workflowId} predicts images: it cannot ${how}.`, {
        remedy: 'Cancel it, and type the same `npx reignite predict --run` to go on from what is there.',
      });
    }
    if (how === 'cancel') {
      cancelling = workflowId;
      await cancelRun(session, workflowId);
    } else await updateRun(client, workflowId, how);
    return workflowId;
  };
  // The run's dead workers, whom a server that was left behind would wait for, are forgotten before the order is given.
  const run = await withHomeServer(signal, ['orchestration'], order, { adopt: true });
  if (json) printResult(JSON.stringify({ run, done: how }, null, 1));
  else printResult(`${run} ${DONE[how]}`);
  return EXIT.done;
}

/** @throws ReigniteError USAGE when the run is as it should be, or closed meanwhile; WORKER_LOST when it does not answer. */
async function updateRun(client: Client, id: string, update: 'pause' | 'resume'): Promise<void> {
  await forgetWorkers(client, id);
  try {
    await client.withDeadline(Date.now() + UPDATE_MS, () => client.workflow.getHandle(id).executeUpdate(update));
  } catch (error) {
    const remedy = 'Run `npx reignite status` to see how it stands.';
    if (error instanceof WorkflowUpdateFailedError) {
      throw new ReigniteError('USAGE', error.cause?.message ?? error.message, { remedy, cause: error });
    }
    if (error instanceof WorkflowNotFoundError) {
      throw new ReigniteError('USAGE', `The run ${id} closed before the order reached it.`, { remedy, cause: error });
    }
    if (isGrpcDeadlineError(error)) {
      const cause = `The run ${id} has not answered within ${UPDATE_MS / 1_000} s; it may still carry the order out.`;
      throw new ReigniteError('WORKER_LOST', cause, { remedy, cause: error });
    }
    throw error;
  }
}

async function cancelRun({ client, ready, failed }: ServerSession, id: string): Promise<void> {
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

/** A server that is going away is not asked for long: whoever takes it over asks again. */
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
 * Lets any worker answer for a run and its children: the server would first wait ten seconds for the one that answered
 * last, also where that one is dead.
 */
async function forgetWorkers(client: Client, id: string): Promise<void> {
  const { raw } = await client.workflow.getHandle(id).describe();
  const children = (raw.pendingChildren ?? []).flatMap(({ workflowId }) => workflowId ?? []);
  await client.workflowService.resetStickyTaskQueue({
    namespace: client.options.namespace,
    execution: { workflowId: id },
  });
  await Promise.all(children.map((child) => forgetWorkers(client, child).catch(() => undefined)));
}
