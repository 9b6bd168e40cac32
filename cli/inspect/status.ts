import type { Client } from '@temporalio/client';
import { describeRun, isPrediction, stateLine, summaryOf } from '../../runtime/run/describe-run.ts';
import { findRun, RUNS_AND_PREDICTIONS } from '../../runtime/run/find-run.ts';
import { liveStages, liveSteps } from '../../runtime/run/run-progress.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { ControlState } from '../../workflows/control.ts';
import type { StageProgress } from '../../workflows/progress.ts';
import { untilStopped, whenInterrupted } from '../interruption.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { runPage, runsPage } from '../run/follow-run.ts';
import { stageLine } from '../run/progress-lines.ts';
import { verdictLines } from '../run/run-report.ts';
import { withHomeServer } from '../with-home-server.ts';

/** Time within which a worker that was just started answers. */
const QUERY_MS = 15_000;

/**
 * `reignite status`: the progress of a run or a prediction by stage, and whether any process works on it; if closed,
 * its verdict.
 */
export async function statusCommand(
  part: string | undefined,
  { json }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  await withHomeServer(signal, ['orchestration'], async (session) => {
    const { client } = session;
    const execution = await findRun(client, part, RUNS_AND_PREDICTIONS);
    const known = await describeRun(session, execution);
    const isOpen = execution.status.name === 'RUNNING';
    const ask = isPrediction(execution) ? askPrediction : askRun;
    const live = isOpen ? await ask(client, execution.workflowId) : undefined;
    const summary = isOpen || isPrediction(execution) ? undefined : await summaryOf(execution);
    const description = { ...known, paused: live?.paused ?? known.paused };
    if (json) {
      printResult(JSON.stringify({ ...description, ...live, summary: summary ?? null }, null, 1));
      return;
    }
    const verdicts = summary === undefined ? [] : await verdictLines(summary, description.results ?? '', true);
    const reason =
      description.status === 'failed' ? [`  \`npx reignite why ${description.run}\` gives the reason.`] : [];
    const lines = [stateLine(description), ...reason, ...(live?.stages ?? []).map(stageLine), ...verdicts];
    printResult(lines.join('\n'));
  });
  return EXIT.done;
}

/** The state of an open run or prediction, by query. */
interface Answer extends Partial<ControlState> {
  readonly stages: readonly StageProgress[];
}

async function askPrediction(client: Client, id: string): Promise<Answer | undefined> {
  try {
    const handle = client.workflow.getHandle(id);
    return await client.withDeadline(Date.now() + QUERY_MS, async () => ({
      ...(await handle.query<ControlState>('control')),
      stages: await liveSteps(client, id),
    }));
  } catch {
    return undefined;
  }
}

async function askRun(client: Client, id: string): Promise<Answer | undefined> {
  const handle = client.workflow.getHandle(id);
  try {
    return await client.withDeadline(Date.now() + QUERY_MS, async () => ({
      ...(await handle.query<ControlState>('control')),
      stages: (await liveStages(client, id, await handle.query<StageProgress[]>('progress'))).stages,
    }));
  } catch {
    // No worker of its version answers: only what Temporal knows is printed.
    return undefined;
  }
}

/** What each tab of a run's page shows. */
const TABS = [
  'Timeline: stages and activities. User Metadata: progress by stage, verdicts, scores.',
  'Relationships: the workflow of each stage and batch. Pending Activities on their pages: tiles and bytes.',
];

/**
 * `reignite ui`: opens the stored history, prints the page of a run or a prediction, and waits for Ctrl-C. It serves
 * workflows, so that the live details of the page work, but no activities.
 *
 * @param part - A workflow ID or a unique part of it. Default: the newest run.
 */
export async function uiCommand(part: string | undefined, signal: AbortSignal): Promise<number> {
  return withHomeServer(signal, ['orchestration'], async ({ client, server, failed }) => {
    if (server.uiUrl === undefined) {
      throw new ReigniteError('USAGE', `The server ${server.address} is external; the address of its UI is unknown.`, {
        remedy: 'Open the UI of that server.',
      });
    }
    const { workflowId } = await findRun(client, part, RUNS_AND_PREDICTIONS);
    printResult(runPage(server.uiUrl, server.namespace, workflowId));
    printStep(`All runs, without their children: ${runsPage(server.uiUrl, server.namespace)}`);
    for (const line of TABS) printStep(line);
    printStep('Press Ctrl-C to stop.');
    whenInterrupted('Stopped.');
    await untilStopped(failed, signal);
    return EXIT.interrupted;
  });
}
