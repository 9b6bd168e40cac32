import { WorkflowFailedError } from '@temporalio/client';
import { ReigniteError } from '../../toolkit/errors.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { readSummaryFile, type Summary } from '../../toolkit/report/summary.ts';
import type { StageProgress } from '../../workflows/progress.ts';
import { loadConfig } from '../config/load-config.ts';
import { pinRecord } from '../config/pin-record.ts';
import { printResult, printStep } from '../output.ts';
import { exitStatusOf } from '../run/exit-status.ts';
import { OwnerGone, openPlatform, type Platform } from '../run/platform.ts';
import { ProgressLines } from '../run/progress-lines.ts';
import { type ResolvedRun, resolveRun } from '../run/resolve-run.ts';
import { failureOf } from '../run/run-failure.ts';
import { runReport } from '../run/run-report.ts';
import { startRun } from '../run/start-run.ts';
import { watchRun } from '../run/watch-run.ts';

export interface RunOptions {
  readonly profile: string;
  readonly set: readonly string[];
  readonly data?: string;
  readonly results?: string;
  readonly tasks?: readonly string[];
  readonly json?: boolean;
  /** false with `--no-workers`: only what others serve. */
  readonly workers: boolean;
}

/**
 * `reignite run`: starts a run, or attaches to the one that is going with the same configuration, and stays until it
 * has ended.
 *
 * @returns The exit status.
 */
export async function runCommand(options: RunOptions, signal: AbortSignal): Promise<number> {
  const home = homeFromEnvironment();
  const config = await pinRecord(await loadConfig(options), home, printStep, signal);
  const run = resolveRun(config, home, options);
  const settings = {
    taskQueuePrefix: config.temporal.taskQueuePrefix,
    throttleSeconds: config.temporal.throttleSeconds,
    connections: config.zenodo.connections,
  };
  for (;;) {
    const platform = await openPlatform({
      home,
      settings,
      onStep: printStep,
      signal,
      ...(options.workers ? {} : { queues: [] }),
    });
    try {
      const summary = await follow(platform, run, signal);
      if (summary !== undefined) return await conclude(summary, run, options.json ?? false);
      printStep('The command that ran the server has gone; this one carries on.');
    } finally {
      await platform.close();
    }
  }
}

/**
 * Watches until the run has closed, the platform fails or the command is told to stop. No question is left open then:
 * one that is repeated after its connection was closed would end the process.
 */
async function watchUntil(
  { client, failed }: Platform,
  id: string,
  onProgress: (stages: readonly StageProgress[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const watching = watchRun(client, id, onProgress, AbortSignal.any([signal, over.signal]));
  try {
    await Promise.race([watching, failed, aborted(signal)]);
  } finally {
    over.abort();
    await watching.catch(() => undefined);
  }
}

/** @returns The summary of the closed run; undefined when the command that ran the server went away before. */
async function follow(platform: Platform, run: ResolvedRun, signal: AbortSignal): Promise<Summary | undefined> {
  const { client, server } = platform;
  try {
    const how = await startRun(client, server, run, printStep);
    printStep(`${how === 'started' ? 'Started' : 'Attached to'} ${run.id}`);
    if (server.uiUrl !== undefined) printStep(`Temporal UI: ${runPage(server.uiUrl, server.namespace, run.id)}`);
    const lines = new ProgressLines(printStep);
    await watchUntil(platform, run.id, (stages) => lines.show(stages), signal);
    await client.workflow.getHandle(run.id).result();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof WorkflowFailedError) throw failureOf(error);
    if (error instanceof OwnerGone || (isWatching(platform) && isConnectionLoss(error))) return undefined;
    throw error;
  }
  const summary = await readSummaryFile(run.input.folders.results);
  if (summary !== undefined) return summary;
  throw new ReigniteError('FILE_MISSING', `The run ended, but ${run.input.folders.results} holds no summary.json.`);
}

async function conclude(summary: Summary, run: ResolvedRun, json: boolean): Promise<number> {
  const { results } = run.input.folders;
  if (json) printResult(JSON.stringify(summary, null, 1));
  else {
    printResult(await runReport(summary, results));
    printStep('History: `npx reignite ui` opens this run in the Temporal UI.');
  }
  return exitStatusOf(summary);
}

/** Address of a run's page in the Temporal UI. */
export function runPage(uiUrl: string, namespace: string, id: string): string {
  return `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}`;
}

/** Whether another command of the home runs the server. */
function isWatching({ owner, server }: Platform): boolean {
  return !owner && !server.external;
}

/** gRPC's UNAVAILABLE: the server at the other end is gone. */
function isConnectionLoss(error: unknown): boolean {
  const text = error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : String(error);
  return /UNAVAILABLE|ECONNREFUSED|ECONNRESET|Service Unavailable/i.test(text);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
