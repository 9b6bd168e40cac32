import type { Client } from '@temporalio/client';
import { describeRun, isPrediction, summaryOf } from '../../runtime/run/describe-run.ts';
import { findRun, RUNS_AND_PREDICTIONS } from '../../runtime/run/find-run.ts';
import { liveStages, liveSteps } from '../../runtime/run/live-stages.ts';
import type { ControlState } from '../../workflows/control.ts';
import type { StageProgress } from '../../workflows/progress.ts';
import { EXIT, printResult } from '../output.ts';
import { stageLine } from '../run/progress-lines.ts';
import { verdictLines } from '../run/verdict-lines.ts';
import { withHomeServer } from '../run/with-home-server.ts';

/** A worker that has just been started answers within this time. */
const QUERY_MS = 15_000;

/** `reignite status`: how far a run or a prediction is, a stage a line; of a closed run its verdict. */
export async function statusCommand(
  part: string | undefined,
  { json }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  await withHomeServer(signal, ['orchestration'], async ({ client }) => {
    const execution = await findRun(client, part, RUNS_AND_PREDICTIONS);
    const description = await describeRun(execution);
    const isOpen = execution.status.name === 'RUNNING';
    const ask = isPrediction(execution) ? askPrediction : askRun;
    const live = isOpen ? await ask(client, execution.workflowId) : undefined;
    const summary = isOpen || isPrediction(execution) ? undefined : await summaryOf(execution);
    if (json) {
      printResult(JSON.stringify({ ...description, ...live, summary: summary ?? null }, null, 1));
      return;
    }
    const paused = live !== undefined && 'paused' in live && live.paused ? ' (paused)' : '';
    const verdicts = summary === undefined ? [] : await verdictLines(summary, description.results ?? '');
    const lines = [
      `${description.run}: ${description.status}${paused}`,
      ...(live?.stages ?? []).map(stageLine),
      ...verdicts,
    ];
    printResult(lines.join('\n'));
  });
  return EXIT.done;
}

async function askPrediction(
  client: Client,
  id: string,
): Promise<{ readonly stages: readonly StageProgress[] } | undefined> {
  try {
    return await client.withDeadline(Date.now() + QUERY_MS, async () => ({ stages: await liveSteps(client, id) }));
  } catch {
    return undefined;
  }
}

async function askRun(
  client: Client,
  id: string,
): Promise<(ControlState & { readonly stages: readonly StageProgress[] }) | undefined> {
  const handle = client.workflow.getHandle(id);
  try {
    return await client.withDeadline(Date.now() + QUERY_MS, async () => ({
      ...(await handle.query<ControlState>('control')),
      stages: await liveStages(client, id, await handle.query<StageProgress[]>('progress')),
    }));
  } catch {
    // Nobody serves its workflows in this version: what Temporal itself knows is told.
    return undefined;
  }
}
