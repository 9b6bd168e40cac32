import { cancelRun } from '../../runtime/run/control-run.ts';
import { isPrediction } from '../../runtime/run/describe-run.ts';
import { findRun, RUNS_AND_PREDICTIONS } from '../../runtime/run/find-run.ts';
import { RunHandle } from '../../runtime/run/run-handle.ts';
import type { ServerSession } from '../../runtime/session/server-session.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { EXIT, printResult } from '../output.ts';
import { withHomeServer } from '../run/with-home-server.ts';

export type Steering = 'pause' | 'resume' | 'cancel';

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
    } else await RunHandle.of({ session }, execution)[how]();
    return workflowId;
  };
  // The run's dead workers, whom a server that was left behind would wait for, are forgotten before the order is given.
  const run = await withHomeServer(signal, ['orchestration'], order, { adopt: true });
  if (json) printResult(JSON.stringify({ run, done: how }, null, 1));
  else printResult(`${run} ${DONE[how]}`);
  return EXIT.done;
}
