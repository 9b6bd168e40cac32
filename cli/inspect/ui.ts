import { findRun, RUNS_AND_PREDICTIONS } from '../../runtime/run/find-run.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { untilStopped, whenInterrupted } from '../interruption.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { runPage, runsPage } from '../run/follow-run.ts';
import { withHomeServer } from '../with-home-server.ts';

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
