import { type Command, Option } from 'commander';
import { TASKS } from '../../config/tasks.ts';
import type { EvaluateOptions } from '../commands/evaluate.ts';
import { type CommandContext, command } from './command.ts';

/** Commands on predictions and images of the user's own; none needs Temporal. */
export function predictionCommands(program: Command, { exitWith }: CommandContext): void {
  command(program, 'evaluate', "anybody's predictions under the paper's protocol; needs no Temporal and no model")
    .addOption(new Option('--task <task>', 'what the predictions are of').choices(TASKS).makeOptionMandatory())
    .requiredOption('--data <dir>', 'the record: overview and annotations; images for the figures of single ROIs')
    .requiredOption('--predictions <dir>', 'the folder that directly holds the masks (.png) or points (.npy)')
    .requiredOption('--out <dir>', 'where metrics/ and figures/ go')
    .action(async (options: EvaluateOptions) => {
      const { evaluateCommand } = await import('../commands/evaluate.ts');
      exitWith(await evaluateCommand(options));
    });
}
