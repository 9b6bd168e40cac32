import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { isPrediction, summaryOf } from '../../runtime/run/describe-run.ts';
import {
  findRun,
  type KnownPrediction,
  predictionInputOf,
  RUNS_AND_PREDICTIONS,
  runInputOf,
} from '../../runtime/run/find-run.ts';
import type { ResolvedRun } from '../../runtime/run/resolve-run.ts';
import { cancelRun, updateRun } from '../../runtime/run/run-handle.ts';
import type { ServerSession } from '../../runtime/server/server-session.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { readPredictionSummary } from '../../toolkit/predict/prediction-summary.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import type { predictImages } from '../../workflows/predict-images.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { followKnownPrediction } from '../predict/predict-as-run.ts';
import { withHomeServer } from '../with-home-server.ts';
import { followKnownRun } from './follow-run.ts';

export type ControlAction = 'pause' | 'resume' | 'cancel';

const DONE: Readonly<Record<ControlAction, (run: string) => string>> = {
  pause: (run) => `${run} is paused. Resume it with \`npx reignite resume ${run}\`.`,
  resume: (run) => `${run} was resumed. If no process works on it, repeat the command that started it.`,
  cancel: (run) => `${run} is cancelled. Run the original command again to resume.`,
};

/**
 * `reignite pause`, `resume`, `cancel`: controls an open run or prediction. Serves workflows meanwhile, so that it
 * answers even if no other process works on it.
 *
 * @throws ReigniteError RUN_NOT_FOUND, USAGE if the run is closed, or already in the requested state.
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
    const { workflowId, status } = await findRun(client, cancelling ?? part, RUNS_AND_PREDICTIONS);
    // The command that ran it ended with it and stopped the server before this one saw the run close.
    if (cancelling !== undefined && ['CANCELLED', 'TERMINATED'].includes(status.name)) return workflowId;
    if (status.name !== 'RUNNING') {
      throw new ReigniteError('USAGE', `The run ${workflowId} has ended (${status.name.toLowerCase()}).`, {
        remedy: 'Run `npx reignite list` to see open runs.',
      });
    }
    if (how === 'cancel') {
      cancelling = workflowId;
      await cancelRun(session, workflowId);
    } else await updateRun(client, workflowId, { name: how });
    return workflowId;
  };
  // Adopts a leftover server: the run's dead workers, for which it would wait, are forgotten before the update is sent.
  const run = await withHomeServer(signal, ['orchestration'], order, { adopt: true });
  if (json) printResult(JSON.stringify({ run, done: how }, null, 1));
  else printResult(DONE[how](run));
  return EXIT.done;
}

/**
 * `reignite retry`: restarts a closed run or prediction; finished work comes from the cache, what failed is computed
 * again.
 *
 * @returns The exit status of the run.
 */
export async function retryCommand(
  part: string | undefined,
  { json = false }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  const known = await knownRun(part, signal);
  const { run, isOpen, isWhole } = known;
  if (isWhole) {
    const text = `The run ${run.id} has no failures to retry.`;
    printResult(json ? JSON.stringify(await jsonSummaryOf(known), null, 1) : text);
    return EXIT.done;
  }
  if (isOpen) printStep(`The run ${run.id} is still open. Following it; retry once it has ended.`);
  tellOfSilence(known);
  return followKnown(known, { start: !isOpen, json }, signal);
}

/**
 * `reignite watch`: follows a run or a prediction to its end; takes over if the command that worked on it has ended.
 *
 * @returns The exit status of the run.
 */
export async function watchCommand(
  part: string | undefined,
  { json = false }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  const known = await knownRun(part, signal);
  tellOfSilence(known);
  return followKnown(known, { start: false, json }, signal);
}

function tellOfSilence({ kind, run, isOpen }: KnownRun): void {
  const { heartbeatSeconds } = kind === 'run' ? run.input.config.temporal : run.input.temporal;
  if (isOpen) printStep(silenceLine(heartbeatSeconds));
}

/** Explains why an open run whose command was killed shows no progress at first. */
export function silenceLine(heartbeatSeconds: number): string {
  return `If the command of this run was killed, the run continues after the heartbeat timeout (${heartbeatSeconds} s).`;
}

function followKnown(
  known: KnownRun,
  how: { readonly start: boolean; readonly json: boolean },
  signal: AbortSignal,
): Promise<number> {
  return known.kind === 'run' ? followKnownRun(known.run, how, signal) : followKnownPrediction(known.run, how, signal);
}

/** Returns what `--json` prints for a run without failures. */
function jsonSummaryOf(known: KnownRun): Promise<unknown> {
  return known.kind === 'run'
    ? RESULTS.summary.readIfValid(known.run.input.folders.results)
    : readPredictionSummary(known.run.input.order.out);
}

/** A run or a prediction of the state directory, with its input. */
type KnownRun = (
  | { readonly kind: 'run'; readonly run: ResolvedRun }
  | { readonly kind: 'prediction'; readonly run: KnownPrediction }
) & {
  readonly isOpen: boolean;
  /** Whether it completed without failures, so that `retry` has nothing to do. */
  readonly isWhole: boolean;
};

/** Finds a run or a prediction, the newest unless `part` names one. @throws ReigniteError RUN_NOT_FOUND. */
async function knownRun(part: string | undefined, signal: AbortSignal): Promise<KnownRun> {
  return withHomeServer(signal, [], async ({ client }) => {
    const execution = await findRun(client, part, RUNS_AND_PREDICTIONS);
    const id = execution.workflowId;
    const isOpen = execution.status.name === 'RUNNING';
    const isCompleted = execution.status.name === 'COMPLETED';
    if (isPrediction(execution)) {
      const input = await predictionInputOf(client, execution);
      const isWhole = isCompleted && (await hasPredictedAll(client, execution));
      return { kind: 'prediction', run: { id, input }, isOpen, isWhole };
    }
    const input = await runInputOf(client, execution);
    const failures = Object.values((await summaryOf(execution))?.tasks ?? {}).map(({ rois }) => rois.failed);
    const isWhole = isCompleted && failures.length > 0 && failures.every((count) => count === 0);
    return { kind: 'run', run: { id, input }, isOpen, isWhole };
  });
}

async function hasPredictedAll(client: Client, { workflowId, runId }: WorkflowExecutionInfo): Promise<boolean> {
  const handle = client.workflow.getHandle<typeof predictImages>(workflowId, runId);
  return (await handle.result()).failed === 0;
}
