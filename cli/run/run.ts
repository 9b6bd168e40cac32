import { loadConfig } from '../../runtime/config/load-config.ts';
import { pinRecord } from '../../runtime/config/pin-record.ts';
import { resolveRun } from '../../runtime/run/resolve-run.ts';
import { startRun } from '../../runtime/run/start-run.ts';
import { withServer } from '../../runtime/session/with-server.ts';
import { workerSettingsOf } from '../../runtime/workers/worker-settings.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { RESUMABLE, STILL_RUNNING, whenInterrupted } from '../interruption.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { checkRunStorage } from './check-run-storage.ts';
import { detachRun, ParentNotifier } from './detached-run.ts';
import { printPlan } from './plan/plan-lines.ts';
import { runToCompletion } from './run-to-completion.ts';

export interface RunOptions {
  readonly profile: string;
  readonly set: readonly string[];
  readonly data?: string;
  readonly results?: string;
  readonly tasks?: readonly string[];
  readonly json?: boolean;
  readonly fresh?: boolean;
  readonly detach?: boolean;
  /** False with `--no-workers`: only use the workers of others. */
  readonly workers: boolean;
}

/**
 * `reignite run`: starts a run, or attaches to the open one with the same configuration, and waits until it has ended.
 *
 * @returns The exit status.
 */
export async function runCommand(options: RunOptions, signal: AbortSignal): Promise<number> {
  if (options.detach) return runDetached(options, signal);
  const teller = new ParentNotifier();
  try {
    return await runHere(options, teller, signal);
  } catch (error) {
    teller.failed(error);
    throw error;
  }
}

/** Detaches the run, and prints how to watch and end it. */
async function runDetached({ json }: RunOptions, signal: AbortSignal): Promise<number> {
  whenInterrupted('Interrupted: the background process was stopped as well. Run the same command to resume.');
  const { run, pid, log } = await detachRun(process.argv.slice(2), homeFromEnvironment(), signal);
  if (json) printResult(JSON.stringify({ run, pid, log }, null, 1));
  else {
    const lines = [
      run,
      `It continues in process ${pid}, which exits when the run ends. \`kill ${pid}\` stops it safely; run the same command to resume.`,
      `Watch it:   npx reignite watch ${run}`,
      `Cancel it:  npx reignite cancel ${run}`,
      `Log:        ${log}`,
    ];
    printResult(lines.join('\n'));
  }
  return EXIT.done;
}

async function runHere(options: RunOptions, teller: ParentNotifier, signal: AbortSignal): Promise<number> {
  whenInterrupted('Interrupted: no run was started.');
  const home = homeFromEnvironment();
  const config = await pinRecord(await loadConfig(options), home, printStep, signal);
  const run = resolveRun(config, home, options);
  await checkRunStorage(config, signal);
  const settings = workerSettingsOf(config);
  const queues = options.workers ? {} : { queues: [] };
  let fresh = options.fresh ?? false;
  if (config.zenodo.serveFrom === undefined) await printPlan(run, home, { fresh, signal }, printStep);
  const summary = await withServer({ home, settings, onStep: printStep, signal, ...queues }, (session) => {
    const start = async () => {
      whenInterrupted(session.owner ? RESUMABLE : STILL_RUNNING);
      const how = await startRun(session.client, session.server, run, printStep, { fresh });
      fresh = false;
      printStep(`${how === 'started' ? 'Started' : 'Attached to'} ${run.id}`);
      teller.started(run.id);
    };
    return runToCompletion(session, run, start, signal);
  });
  whenInterrupted('Interrupted: the run has already ended. `npx reignite status` shows the outcome.');
  const { tellOutcome } = await import('./follow-run.ts');
  return tellOutcome(summary, run.input.folders.results, options.json ?? false);
}
