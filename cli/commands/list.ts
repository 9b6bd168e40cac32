import { describeRun, type RunDescription } from '../../runtime/run/describe-run.ts';
import { listRuns, RUNS_AND_PREDICTIONS } from '../../runtime/run/find-run.ts';
import { verdictText } from '../../toolkit/dataset/provenance.ts';
import { EXIT, printResult } from '../output.ts';
import { withHomeServer } from '../run/with-home-server.ts';

/** `reignite list`: the runs of the home with their verdicts, and its durable predictions, the newest first. */
export async function listCommand({ json }: { readonly json?: boolean }, signal: AbortSignal): Promise<number> {
  const runs = await withHomeServer(signal, [], async ({ client }) =>
    Promise.all((await listRuns(client, RUNS_AND_PREDICTIONS)).map(describeRun)),
  );
  if (json) printResult(JSON.stringify({ runs }, null, 1));
  else printResult(runs.length === 0 ? 'No run yet: `npm start` begins the sample.' : runs.map(lineOf).join('\n'));
  return EXIT.done;
}

function lineOf({ run, status, started, verdicts, provenance }: RunDescription): string {
  const told = Object.entries(verdicts).map(
    ([task, verdict]) => `${task} ${verdictText(provenance?.kind ?? 'other', verdict)}`,
  );
  return [started.slice(0, 16).replace('T', ' '), status.padEnd(10), run, told.join(', ')].join('  ').trimEnd();
}
