import { type Command, Option } from 'commander';
import { CELL_TASKS } from '../../config/tasks.ts';
import type { CompareOptions } from '../inspect/compare.ts';
import type { ListOptions } from '../inspect/list.ts';
import type { SweepOptions } from '../inspect/sweep.ts';
import type { WorkersOptions } from '../inspect/workers.ts';
import type { WorkerOptions } from '../maintain/worker.ts';
import type { DownloadOptions } from '../run/download.ts';
import type { PlanOptions } from '../run/plan.ts';
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

const RUN = 'ID that `list` prints, or a unique part of it (default: the newest)';
const RUN_OR_FOLDER = 'ID that `list` prints, a unique part of it, or a results folder (default: the newest run)';
const SIDE = 'ID that `list` prints, a unique part of it, or a folder written by run, evaluate or predict';

const CONTROLS = [
  ['pause', 'pause a run or a prediction; partial results stay on disk'],
  ['resume', 'resume a paused run or prediction'],
  ['cancel', 'cancel a run or a prediction (repeat its command to resume)'],
] as const;

/** Adds the commands that start, follow and control runs. */
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

  configuredCommand(program, 'plan', 'show what a run would download and compute, and how long it would take')
    .option('--fresh', 'plan as if no results were cached')
    .action(async (options: PlanOptions) => {
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
    'repeat a run at fixed times and report changed verdicts; without --every or --end: list schedules',
  )
    .option('--every <time>', 'day, week, month, or a cron expression of five fields (UTC)')
    .option('--end', 'remove the schedule of this record and profile')
    .action(async (options: ScheduleCommandOptions) => {
      const { scheduleCommand } = await import('../run/schedule.ts');
      exitWith(await scheduleCommand(options, signal));
    });

  command(program, 'list', 'list runs, including those of `predict --run`, with their state and verdicts')
    .option('--all', 'list every run, not only the newest of each configuration')
    .action(async (options: ListOptions) => {
      const { listCommand } = await import('../inspect/list.ts');
      exitWith(await listCommand(options, signal));
    });
  command(program, 'status', 'show the progress of a run or a prediction')
    .argument('[run]', RUN)
    .action(async (run: string | undefined, options: JsonOption) => {
      const { statusCommand } = await import('../inspect/status.ts');
      exitWith(await statusCommand(run, options, signal));
    });
  withExamples(
    command(program, 'why', 'explain the outcome of a run, an ROI, an image or an activity'),
    'why',
    'why patient3_he_roi1_with_context',
  )
    .argument('[names...]', 'a run, an ROI, an image, an activity, or a run and one of these (default: the newest run)')
    .action(async (names: string[], options: JsonOption) => {
      const { whyCommand } = await import('../inspect/why.ts');
      exitWith(await whyCommand(names, options, signal));
    });
  withProgress(command(program, 'watch', 'follow a run or a prediction until it ends').argument('[run]', RUN)).action(
    async (run: string | undefined, options: JsonOption) => {
      const { watchCommand } = await import('../run/steer.ts');
      exitWith(await watchCommand(run, options, signal));
    },
  );
  for (const [how, description] of CONTROLS) {
    command(program, how, description)
      .argument('[run]', RUN)
      .action(async (run: string | undefined, options: JsonOption) => {
        const { controlCommand } = await import('../run/steer.ts');
        exitWith(await controlCommand(how, run, options, signal));
      });
  }
  withProgress(
    command(program, 'retry', 'compute the failed ROIs or images of a run or a prediction again').argument(
      '[run]',
      RUN,
    ),
  ).action(async (run: string | undefined, options: JsonOption) => {
    const { retryCommand } = await import('../run/steer.ts');
    exitWith(await retryCommand(run, options, signal));
  });

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
    .option('--data <dir>', 'data folder allowed for runs from other state directories')
    .option('--results <dir>', 'results folder allowed for runs from other state directories')
    .option(
      '--scratch <gb>',
      'work without shared folders: fetch files from `storage`, and keep at most this many GB of them',
      parseNumber,
    )
    .option(
      '--device <number>',
      'GPU that CUDA uses, by its number in `nvidia-smi`; overrides that of the runs; start one worker per GPU',
      parseNumber,
    )
    .option(
      '--drain <min>',
      'when stopped, finish open activities within this many minutes (default: 0, stop at once)',
      parseNumber,
    )
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

  command(program, 'ui', 'print the address of a run in the Temporal UI, and keep its server running until Ctrl-C')
    .argument('[run]', RUN)
    .action(async (run: string | undefined) => {
      const { uiCommand } = await import('../inspect/status.ts');
      exitWith(await uiCommand(run, signal));
    });
}

interface ReportOptions extends JsonOption {
  readonly data?: string;
}

/** Adds the commands for the results of a run; they do not need Temporal if a results folder is named. */
export function reportCommands(program: Command, { signal, exitWith }: CommandContext): void {
  program.commandsGroup('Results:');
  command(program, 'report', 'rebuild the report of a run')
    .argument('[run]', RUN_OR_FOLDER)
    .option('--data <dir>', "data folder, for the image layers of the viewer (default: the run's)")
    .action(async (run: string | undefined, options: ReportOptions) => {
      const { reportCommand } = await import('../inspect/report.ts');
      exitWith(await reportCommand(run, options, signal));
    });
  withExamples(
    command(program, 'sweep', 'score the cells of a run at every confidence threshold, without inference'),
    'sweep --task pdl1 results/sample --out sweep',
  )
    .argument('[run]', RUN_OR_FOLDER)
    .addOption(new Option('--task <task>', 'task of the detector').choices(CELL_TASKS).makeOptionMandatory())
    .option('--step <score>', 'distance between two thresholds, 0.001 to 0.5', parseNumber, 0.05)
    .option('--data <dir>', "data folder (default: the run's)")
    .option('--out <dir>', 'also write the curves as SVG, PNG and JSON')
    .action(async (run: string | undefined, options: SweepOptions) => {
      const { sweepCommand } = await import('../inspect/sweep.ts');
      exitWith(await sweepCommand(run, options, signal));
    });
  withExamples(
    command(program, 'compare', 'compare two runs, evaluations or predictions, with paired differences'),
    'compare results/sample results/other',
    'compare evaluated/a evaluated/b --set verdict.he.tolerance.maxDiceDifference=0.01',
  )
    .argument('<a>', SIDE)
    .argument('<b>', SIDE)
    .option('--out <dir>', 'output folder', 'comparison')
    .option(
      '--data <dir>',
      'data folder, for images and ground truth in the viewer (default: that of a run or an evaluation)',
    )
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
  command(program, 'verify', 'compare the results of a run with the SHA-256 in their manifest')
    .argument('[run]', RUN_OR_FOLDER)
    .action(async (run: string | undefined, options: JsonOption) => {
      const { verifyCommand } = await import('../inspect/report.ts');
      exitWith(await verifyCommand(run, options, signal));
    });
}
