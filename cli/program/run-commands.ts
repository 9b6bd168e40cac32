import type { Command } from 'commander';
import type { ListOptions } from '../inspect/list.ts';
import type { WorkerOptions } from '../maintain/worker.ts';
import type { DownloadOptions } from '../run/download.ts';
import type { RunOptions } from '../run/run.ts';
import { append, type CommandContext, command, configured, configuredCommand } from './command.ts';

interface JsonOption {
  readonly json?: boolean;
}

const STEERING = [
  ['pause', 'stop the steps of a run; rows and bytes stay on disk'],
  ['resume', 'let a paused run go on'],
  ['cancel', 'end a run; the same `run` goes on from what is there'],
] as const;

/** Commands that start, follow and steer runs. */
export function runCommands(program: Command, { signal, exitWith }: CommandContext): void {
  configuredCommand(program, 'run', 'start a run, or attach to the one going with the same configuration')
    .option('--fresh', 'take nothing from the cache of earlier runs')
    .option('--detach', 'hand the run to a process in the background, and return once it has begun')
    .option('--no-workers', 'start no worker: others serve the task queues')
    .action(async (options: RunOptions) => {
      const { runCommand } = await import('../run/run.ts');
      exitWith(await runCommand(options, signal));
    });

  configuredCommand(program, 'plan', 'what a run would fetch and compute, and how long; starts nothing')
    .option('--fresh', 'as if nothing were in the cache')
    .action(async (options: Omit<RunOptions, 'workers'>) => {
      const { planCommand } = await import('../run/plan.ts');
      exitWith(await planCommand(options, signal));
    });

  configuredCommand(program, 'download', "fetch, verify and unpack the record's files, and nothing else")
    .option('--only <glob>', 'only what lies there in the data folder; may be given again', append, [])
    .action(async (options: DownloadOptions) => {
      const { downloadCommand } = await import('../run/download.ts');
      exitWith(await downloadCommand(options, signal));
    });

  command(program, 'list', 'the runs of this home and their verdicts')
    .option('--all', 'every run, and not only the newest of each configuration')
    .action(async (options: ListOptions) => {
      const { listCommand } = await import('../inspect/list.ts');
      exitWith(await listCommand(options, signal));
    });
  command(program, 'status [run]', 'how far a run is; default: the newest').action(
    async (run: string | undefined, options: JsonOption) => {
      const { statusCommand } = await import('../inspect/status.ts');
      exitWith(await statusCommand(run, options, signal));
    },
  );
  command(program, 'why [words...]', 'why a run, or an ROI or step of it ([RUN] [ROI|STEP]), went as it did').action(
    async (words: string[], options: JsonOption) => {
      const { whyCommand } = await import('../inspect/why.ts');
      exitWith(await whyCommand(words, options, signal));
    },
  );
  command(program, 'watch [run]', 'follow a run to its end').action(
    async (run: string | undefined, options: JsonOption) => {
      const { watchCommand } = await import('../run/steer.ts');
      exitWith(await watchCommand(run, options, signal));
    },
  );
  for (const [how, description] of STEERING) {
    command(program, `${how} [run]`, description).action(async (run: string | undefined, options: JsonOption) => {
      const { steerCommand } = await import('../run/steer.ts');
      exitWith(await steerCommand(how, run, options, signal));
    });
  }
  command(program, 'retry [run]', 'run again what failed, and only that').action(
    async (run: string | undefined, options: JsonOption) => {
      const { retryCommand } = await import('../run/steer.ts');
      exitWith(await retryCommand(run, options, signal));
    },
  );

  command(program, 'server', "the home's Temporal server alone, until Ctrl-C").action(async () => {
    const { serverCommand } = await import('../maintain/worker.ts');
    exitWith(await serverCommand(signal));
  });
  configured(command(program, 'worker', 'serve task queues until Ctrl-C, for more than one machine'))
    .option(
      '--queues <list>',
      'orchestration, download, inference, render, separated by commas (default: all)',
      (text) => text.split(','),
    )
    .option('--data <dir>', 'where records may be, for runs that are started from another home')
    .option('--results <dir>', 'where results may go, for runs that are started from another home')
    .action(async (options: WorkerOptions) => {
      const { workerCommand } = await import('../maintain/worker.ts');
      exitWith(await workerCommand(options, signal));
    });

  command(program, 'ui [run]', "a run's page in the Temporal UI on the kept history, until Ctrl-C").action(
    async (run: string | undefined) => {
      const { uiCommand } = await import('../inspect/ui.ts');
      exitWith(await uiCommand(run, signal));
    },
  );
}

interface ReportOptions extends JsonOption {
  readonly data?: string;
}

/** Commands on the results of a run; they need no Temporal where a results folder is given. */
export function reportCommands(program: Command, { signal, exitWith }: CommandContext): void {
  command(program, 'report [run]', "build a run's report anew; a run or a results folder")
    .option('--data <dir>', 'the record of a results folder, for the layers of its viewer')
    .action(async (run: string | undefined, options: ReportOptions) => {
      const { reportCommand } = await import('../inspect/report.ts');
      exitWith(await reportCommand(run, options, signal));
    });
  command(program, 'verify [run]', "recheck the SHA-256 of a run's outputs; a run or a results folder").action(
    async (run: string | undefined, options: JsonOption) => {
      const { verifyCommand } = await import('../inspect/report.ts');
      exitWith(await verifyCommand(run, options, signal));
    },
  );
}
