import { type Command, Option } from 'commander';
import { CELL_TASKS } from '../../config/tasks.ts';
import type { CompareOptions } from '../inspect/compare.ts';
import type { ListOptions } from '../inspect/list.ts';
import type { SweepOptions } from '../inspect/sweep.ts';
import type { WorkersOptions } from '../inspect/workers.ts';
import type { WorkerOptions } from '../maintain/worker.ts';
import type { DownloadOptions } from '../run/download.ts';
import type { RunOptions } from '../run/run.ts';
import type { ScheduleCommandOptions } from '../run/schedule.ts';
import {
  append,
  type CommandContext,
  command,
  configured,
  configuredCommand,
  parseNumber,
  withExamples,
  withProgress,
} from './command.ts';

interface JsonOption {
  readonly json?: boolean;
}

const CONTROLS = [
  ['pause', 'pause a run; partial results stay on disk'],
  ['resume', 'resume a paused run'],
  ['cancel', 'cancel a run (repeat the `run` command to resume)'],
] as const;

/** Commands that start, follow and control runs. */
export function runCommands(program: Command, { signal, exitWith }: CommandContext): void {
  program.commandsGroup('Runs:');
  withExamples(
    withProgress(
      configuredCommand(program, 'run', 'start a run, or attach to the open run with the same configuration'),
    ),
    'run',
    'run --profile paper --data /srv/ignite --tasks he',
    'run --profile paper --set he.scope=annotated --detach',
  )
    .option('--fresh', 'do not use cached results of earlier runs')
    .option('--detach', 'run in a background process; return once the run has started')
    .option('--no-workers', 'do not start workers; use those that already poll the task queues')
    .action(async (options: RunOptions) => {
      const { runCommand } = await import('../run/run.ts');
      exitWith(await runCommand(options, signal));
    });

  configuredCommand(program, 'plan', 'show what a run would download and compute, and how long it takes')
    .option('--fresh', 'plan a run with --fresh')
    .action(async (options: Omit<RunOptions, 'workers'>) => {
      const { planCommand } = await import('../run/plan.ts');
      exitWith(await planCommand(options, signal));
    });

  withExamples(
    configuredCommand(program, 'download', "download, verify and unpack the record's files"),
    'download --profile paper --only "images/he/patient1_*"',
  )
    .addOption(
      new Option('--only <glob>', 'download only files that match this glob (repeatable)')
        .argParser(append)
        .default([], 'all that the tasks need'),
    )
    .action(async (options: DownloadOptions) => {
      const { downloadCommand } = await import('../run/download.ts');
      exitWith(await downloadCommand(options, signal));
    });

  configuredCommand(
    program,
    'schedule',
    'repeat a run at fixed times, and report when a verdict changes; without options: list schedules',
  )
    .option('--every <time>', 'day, week, month, or a cron expression of five fields (UTC)')
    .option('--end', 'remove the schedule of this record and profile')
    .action(async (options: ScheduleCommandOptions) => {
      const { scheduleCommand } = await import('../run/schedule.ts');
      exitWith(await scheduleCommand(options, signal));
    });

  command(program, 'list', 'list runs and predictions with their state and verdicts')
    .option('--all', 'list every run, not only the newest of each configuration')
    .action(async (options: ListOptions) => {
      const { listCommand } = await import('../inspect/list.ts');
      exitWith(await listCommand(options, signal));
    });
  command(program, 'status [run]', "show a run's progress (default: the newest run)").action(
    async (run: string | undefined, options: JsonOption) => {
      const { statusCommand } = await import('../inspect/status.ts');
      exitWith(await statusCommand(run, options, signal));
    },
  );
  command(
    program,
    'why [words...]',
    'explain the outcome of a run, an ROI, an image or an activity: [RUN] [ROI|IMAGE|ACTIVITY]',
  ).action(async (words: string[], options: JsonOption) => {
    const { whyCommand } = await import('../inspect/why.ts');
    exitWith(await whyCommand(words, options, signal));
  });
  withProgress(command(program, 'watch [run]', 'follow a run or a prediction until it ends')).action(
    async (run: string | undefined, options: JsonOption) => {
      const { watchCommand } = await import('../run/steer.ts');
      exitWith(await watchCommand(run, options, signal));
    },
  );
  for (const [how, description] of CONTROLS) {
    command(program, `${how} [run]`, description).action(async (run: string | undefined, options: JsonOption) => {
      const { controlCommand } = await import('../run/steer.ts');
      exitWith(await controlCommand(how, run, options, signal));
    });
  }
  withProgress(command(program, 'retry [run]', 'compute the failed ROIs or images of a run again')).action(
    async (run: string | undefined, options: JsonOption) => {
      const { retryCommand } = await import('../run/steer.ts');
      exitWith(await retryCommand(run, options, signal));
    },
  );

  program.commandsGroup('Server and workers:');
  command(program, 'server', 'run only the Temporal server, until Ctrl-C').action(async () => {
    const { serverCommand } = await import('../maintain/worker.ts');
    exitWith(await serverCommand(signal));
  });
  configured(command(program, 'worker', 'run a worker for task queues, until Ctrl-C'))
    .option(
      '--queues <list>',
      'queues to serve, separated by commas: orchestration, download, inference, render (default: all)',
      (text) => text.split(','),
    )
    .option('--data <dir>', 'folder of records that runs from other state directories may use')
    .option('--results <dir>', 'folder of results that runs from other state directories may write')
    .option(
      '--scratch <gb>',
      'work without shared folders: fetch files from `storage` and keep at most this much of them',
      parseNumber,
    )
    .option('--drain <min>', 'when stopped, finish open activities within this many minutes', parseNumber)
    .action(async (options: WorkerOptions) => {
      const { workerCommand } = await import('../maintain/worker.ts');
      exitWith(await workerCommand(options, signal));
    });

  configured(command(program, 'workers', 'list the workers of each task queue, and why activities wait')).action(
    async (options: WorkersOptions) => {
      const { workersCommand } = await import('../inspect/workers.ts');
      exitWith(await workersCommand(options, signal));
    },
  );

  command(program, 'ui [run]', 'open a run in the Temporal UI; keeps the server running until Ctrl-C').action(
    async (run: string | undefined) => {
      const { uiCommand } = await import('../inspect/ui.ts');
      exitWith(await uiCommand(run, signal));
    },
  );
}

interface ReportOptions extends JsonOption {
  readonly data?: string;
}

/** Commands for the results of a run; they need no Temporal when a results folder is named. */
export function reportCommands(program: Command, { signal, exitWith }: CommandContext): void {
  program.commandsGroup('Results:');
  command(program, 'report [run]', 'rebuild the report of a run or a results folder')
    .option('--data <dir>', 'folder of the record, for the image layers of the viewer')
    .action(async (run: string | undefined, options: ReportOptions) => {
      const { reportCommand } = await import('../inspect/report.ts');
      exitWith(await reportCommand(run, options, signal));
    });
  withExamples(
    command(program, 'sweep [run]', 'score a run or a results folder at every confidence threshold, without inference'),
    'sweep --task pdl1 results/sample --out sweep',
  )
    .addOption(new Option('--task <task>', 'task of the detector').choices(CELL_TASKS).makeOptionMandatory())
    .option('--step <score>', 'distance between two thresholds', parseNumber, 0.05)
    .option('--data <dir>', 'data folder (default: where `run` puts the record)')
    .option('--out <dir>', 'also write the curves as SVG, PNG and JSON')
    .action(async (run: string | undefined, options: SweepOptions) => {
      const { sweepCommand } = await import('../inspect/sweep.ts');
      exitWith(await sweepCommand(run, options, signal));
    });
  withExamples(
    command(program, 'compare <a> <b>', 'compare two runs, evaluations or predictions, with paired differences'),
    'compare results/sample results/other',
    'compare evaluated/a evaluated/b --set verdict.he.tolerance.maxDiceDifference=0.01',
  )
    .option('--out <dir>', 'output folder of the page and the numbers', 'comparison')
    .option('--data <dir>', 'data folder: images and ground truth for the viewer')
    .addOption(
      new Option(
        '--set <a.b=value>',
        'override a tolerance, such as verdict.he.tolerance.maxDiceDifference=0.01 (repeatable)',
      )
        .argParser(append)
        .default([], 'none'),
    )
    .action(async (a: string, b: string, options: CompareOptions) => {
      const { compareCommand } = await import('../inspect/compare.ts');
      exitWith(await compareCommand(a, b, options, signal));
    });
  command(program, 'verify [run]', 'check the SHA-256 of all files of a run or a results folder').action(
    async (run: string | undefined, options: JsonOption) => {
      const { verifyCommand } = await import('../inspect/report.ts');
      exitWith(await verifyCommand(run, options, signal));
    },
  );
}
