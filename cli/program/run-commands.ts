import type { Command } from 'commander';
import type { DownloadOptions } from '../commands/download.ts';
import type { RunOptions } from '../commands/run.ts';
import { append, type CommandContext, command, configuredCommand } from './command.ts';

/** Commands that start, follow and steer runs. */
export function runCommands(program: Command, { signal, exitWith }: CommandContext): void {
  configuredCommand(program, 'run', 'start a run, or attach to the one going with the same configuration')
    .option('--no-workers', 'start no worker: others serve the task queues')
    .action(async (options: RunOptions) => {
      const { runCommand } = await import('../commands/run.ts');
      exitWith(await runCommand(options, signal));
    });

  configuredCommand(program, 'download', "fetch, verify and unpack the record's files, and nothing else")
    .option('--only <glob>', 'only what lies there in the data folder; may be given again', append, [])
    .action(async (options: DownloadOptions) => {
      const { downloadCommand } = await import('../commands/download.ts');
      exitWith(await downloadCommand(options, signal));
    });

  command(program, 'ui [run]', "a run's page in the Temporal UI on the kept history, until Ctrl-C").action(
    async (run: string | undefined) => {
      const { uiCommand } = await import('../commands/ui.ts');
      exitWith(await uiCommand(run, signal));
    },
  );
}
