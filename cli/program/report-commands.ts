import type { Command } from 'commander';
import { type CommandContext, command } from './command.ts';

interface JsonOption {
  readonly json?: boolean;
}

interface ReportOptions extends JsonOption {
  readonly data?: string;
}

/** Commands on the results of a run; they need no Temporal where a results folder is given. */
export function reportCommands(program: Command, { signal, exitWith }: CommandContext): void {
  command(program, 'report [run]', "build a run's report anew; a run or a results folder")
    .option('--data <dir>', 'the record of a results folder, for the layers of its viewer')
    .action(async (run: string | undefined, options: ReportOptions) => {
      const { reportCommand } = await import('../commands/report.ts');
      exitWith(await reportCommand(run, options, signal));
    });
  command(program, 'verify [run]', "recheck the SHA-256 of a run's outputs; a run or a results folder").action(
    async (run: string | undefined, options: JsonOption) => {
      const { verifyCommand } = await import('../commands/verify.ts');
      exitWith(await verifyCommand(run, options, signal));
    },
  );
}
