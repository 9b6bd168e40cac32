import {
  describeEarlier,
  describeRun,
  hintOf,
  type RunDescription,
  stateText,
} from '../../runtime/run/describe-run.ts';
import { listExecutions, newestOfEach, RUNS_AND_PREDICTIONS } from '../../runtime/run/find-run.ts';
import type { ServerSession } from '../../runtime/server/server-session.ts';
import { EXIT, printResult } from '../output.ts';
import { withHomeServer } from '../with-home-server.ts';

export interface ListOptions {
  /** Whether to list every run of a configuration, not only the newest. */
  readonly all?: boolean;
  readonly json?: boolean;
}

/** `reignite list`: the runs of the state directory with their verdicts, and its durable predictions, newest first. */
export async function listCommand({ all = false, json }: ListOptions, signal: AbortSignal): Promise<number> {
  const runs = await withHomeServer(signal, [], (session) => describeRuns(session, all));
  if (json) printResult(JSON.stringify({ runs }, null, 1));
  else
    printResult(
      runs.length === 0 ? 'No runs yet: start the sample with `npx reignite run`.' : runs.map(rowOf).join('\n'),
    );
  return EXIT.done;
}

async function describeRuns(session: ServerSession, all: boolean): Promise<RunDescription[]> {
  const executions = await listExecutions(session.client, RUNS_AND_PREDICTIONS);
  const newest = new Set(newestOfEach(executions));
  return Promise.all(
    executions
      .filter((execution) => all || newest.has(execution))
      .map((each) => (newest.has(each) ? describeRun(session, each) : describeEarlier(session.client, each))),
  );
}

/** Formats a run as a line: when it started, its state, its run ID, and its verdicts or what to do. */
export function rowOf(description: RunDescription): string {
  const { run, started, said, damagedSummary } = description;
  const verdicts = Object.entries(said).map(([task, verdict]) => `${task} ${verdict}`);
  const unknown =
    damagedSummary === undefined
      ? ''
      : `verdicts unknown: ${damagedSummary} is damaged; run the same command to restore it`;
  const remark = hintOf(description) || unknown || verdicts.join(', ');
  return [started.slice(0, 16).replace('T', ' '), stateText(description).padEnd(11), run, remark].join('  ').trimEnd();
}
