import { QUEUES } from '../../config/task-queues.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { printStep } from '../output.ts';
import { findRun, runInputOf } from '../run/find-run.ts';
import { followRun, tellOutcome } from '../run/follow-run.ts';
import { onHomePlatform } from '../run/home-platform.ts';
import { onPlatform } from '../run/on-platform.ts';
import type { ResolvedRun } from '../run/resolve-run.ts';
import { startRun } from '../run/start-run.ts';

interface Options {
  readonly json?: boolean;
}

/**
 * `reignite watch`: follows a run to its end; where the command that worked on it has gone, this one does.
 *
 * @returns The exit status of the run.
 */
export async function watchCommand(part: string | undefined, options: Options, signal: AbortSignal): Promise<number> {
  const { run } = await lookUp(part, signal);
  return follow(run, false, options, signal);
}

/**
 * `reignite retry`: starts a closed run again; what is done comes from the cache, what failed is computed.
 *
 * @returns The exit status of the run.
 */
export async function retryCommand(part: string | undefined, options: Options, signal: AbortSignal): Promise<number> {
  const { run, isOpen } = await lookUp(part, signal);
  if (isOpen) printStep(`The run ${run.id} is still open: it is followed, and can be retried when it has ended.`);
  return follow(run, !isOpen, options, signal);
}

async function lookUp(
  part: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly run: ResolvedRun; readonly isOpen: boolean }> {
  return onHomePlatform(signal, [], async ({ client }) => {
    const execution = await findRun(client, part);
    const input = await runInputOf(client, execution);
    return { run: { id: execution.workflowId, input }, isOpen: execution.status.name === 'RUNNING' };
  });
}

async function follow(run: ResolvedRun, isNew: boolean, { json }: Options, signal: AbortSignal): Promise<number> {
  const { temporal, zenodo } = run.input.config;
  const settings = { ...temporal, connections: zenodo.connections };
  const options = { home: homeFromEnvironment(), settings, queues: QUEUES, onStep: printStep, signal };
  let toStart = isNew;
  const summary = await onPlatform(options, async (platform) => {
    if (toStart) await startRun(platform.client, platform.server, run, printStep);
    toStart = false;
    return followRun(platform, run, signal);
  });
  return tellOutcome(summary, run.input.folders.results, json ?? false);
}
