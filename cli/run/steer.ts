import { cancelRun } from '../../runtime/run/control-run.ts';
import { isPrediction } from '../../runtime/run/describe-run.ts';
import { findRun, RUNS_AND_PREDICTIONS } from '../../runtime/run/find-run.ts';
import { RunHandle } from '../../runtime/run/run-handle.ts';
import type { ServerSession } from '../../runtime/session/server-session.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { withHomeServer } from '../with-home-server.ts';
import { followKnownRun, knownRun } from './follow-run.ts';

export type ControlAction = 'pause' | 'resume' | 'cancel';

const DONE: Readonly<Record<ControlAction, string>> = {
  pause: 'is paused. Resume it with `npx reignite resume`.',
  resume: 'was resumed. If no process works on it, run its `npx reignite run` again.',
  cancel: 'is cancelled. Run the original command again to resume.',
};

/**
 * `reignite pause`, `resume`, `cancel`: controls an open run; a prediction can only be cancelled. Workflows are served meanwhile, so that the run answers
 * also when no process works on it.
 *
 * @throws ReigniteError RUN_NOT_FOUND, USAGE when the run is closed, or already as it should be, or cannot be steered so.
 */
export async function controlCommand(
  how: ControlAction,
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
      throw new ReigniteError('USAGE', `The run ${workflowId} has ended (${status.name.toLowerCase()}).`, {
        remedy: 'Run `npx reignite list` to see open runs.',
      });
    }
    if (how !== 'cancel' && isPrediction(execution)) {
      throw new ReigniteError('USAGE', `${workflowId} is a prediction; it does not support ${how}.`, {
        remedy: 'Cancel it, and run the same `npx reignite predict --run` to resume.',
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

/**
 * `reignite retry`: starts a closed run again; what is done comes from the cache, what failed is computed.
 *
 * @returns The exit status of the run.
 */
export async function retryCommand(
  part: string | undefined,
  { json = false }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  const { run, isOpen, isWhole } = await knownRun(part, signal);
  if (isWhole) {
    const text = `The run ${run.id} has no failures to retry.`;
    const summary = await RESULTS.summary.readIfValid(run.input.folders.results);
    printResult(json ? JSON.stringify(summary, null, 1) : text);
    return EXIT.done;
  }
  if (isOpen) printStep(`The run ${run.id} is still open. Following it; retry once it has ended.`);
  return followKnownRun(run, { start: !isOpen, json }, signal);
}

/**
 * `reignite watch`: follows a run to its end; where the command that worked on it has gone, this one does.
 *
 * @returns The exit status of the run.
 */
export async function watchCommand(
  part: string | undefined,
  { json = false }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  const { run } = await knownRun(part, signal);
  return followKnownRun(run, { start: false, json }, signal);
}
