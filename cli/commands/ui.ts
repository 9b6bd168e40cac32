import type { Client } from '@temporalio/client';
import { ReigniteError } from '../../toolkit/errors.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { loadConfig } from '../config/load-config.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { openPlatform } from '../run/platform.ts';
import { runPage } from './run.ts';

/**
 * `reignite ui`: opens the kept history, prints the page of a run and stays until Ctrl-C. Workflows are served, so that
 * the page's live details answer; no step is.
 *
 * @param part - A workflow id or a unique part of it; the newest run unless given.
 */
export async function uiCommand(part: string | undefined, signal: AbortSignal): Promise<number> {
  const home = homeFromEnvironment();
  const { temporal, zenodo } = await loadConfig({ profile: 'sample', set: [] });
  const platform = await openPlatform({
    home,
    settings: { ...temporal, connections: zenodo.connections },
    queues: ['orchestration'],
    onStep: printStep,
    signal,
  });
  try {
    const { client, server } = platform;
    if (server.uiUrl === undefined) {
      throw new ReigniteError(
        'USAGE',
        `The server ${server.address} is not ours: its UI's address is not known here.`,
        {
          remedy: 'Open the UI that belongs to that server.',
        },
      );
    }
    const id = await findRun(client, part);
    printResult(runPage(server.uiUrl, server.namespace, id));
    printStep('Ctrl-C ends it.');
    await Promise.race([platform.failed, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
    return EXIT.interrupted;
  } finally {
    await platform.close();
  }
}

/** The newest run whose id holds `part`; a part that fits several is refused, unless it is all of one. */
async function findRun(client: Client, part: string | undefined): Promise<string> {
  const found = new Set<string>();
  for await (const { workflowId } of client.workflow.list({ query: "WorkflowType = 'reproduce'" })) {
    if (part === undefined || workflowId === part) return workflowId;
    if (workflowId.includes(part)) found.add(workflowId);
  }
  const [first, second] = [...found];
  if (first === undefined) {
    const which = part === undefined ? 'no run yet' : `no run ${part}`;
    throw new ReigniteError('RUN_NOT_FOUND', `There is ${which} in this home.`, {
      remedy: 'Start one with `npm start` or `npx reignite run`.',
    });
  }
  if (second !== undefined)
    throw new ReigniteError('RUN_NOT_FOUND', `${part} fits ${found.size} runs: ${[...found].join(', ')}.`);
  return first;
}
