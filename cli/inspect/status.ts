import type { Client } from '@temporalio/client';
import { describeRun, isPrediction, stateLine, summaryOf } from '../../runtime/run/describe-run.ts';
import { findRun, RUNS_AND_PREDICTIONS } from '../../runtime/run/find-run.ts';
import { liveStages, liveSteps } from '../../runtime/run/run-progress.ts';
import type { ControlState } from '../../workflows/control.ts';
import type { StageProgress } from '../../workflows/progress.ts';
import { EXIT, printResult } from '../output.ts';
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
