import type { Command } from 'commander';
import type { ConvertOptions, InspectOptions } from '../commands/model.ts';
import { type CommandContext, command, parseNumber } from './command.ts';

/** Commands on checkpoints. */
export function modelCommands(program: Command, { exitWith }: CommandContext): void {
  const model = program.command('model').description('look into a PyTorch checkpoint safely, or write it as ONNX');
  command(model, 'inspect <file>', 'what a checkpoint holds, and every name in it; nothing is executed')
    .option('--strict', 'exit with 1 for a file that is dangerous or cannot be read as a model')
    .action(async (file: string, options: InspectOptions) => {
      const { inspectCommand } = await import('../commands/model.ts');
      exitWith(await inspectCommand(file, options));
    });
  command(
    model,
    'convert <file>',
    'an nnU-Net fold (fold_K/model_best.model or checkpoint_final.pth) or a YOLOv5 .pt as ONNX',
  )
    .option('--out <file.onnx>', 'where it goes (default: beside the checkpoint)')
    .option('--size <px>', "side of a detector's tile (default: 512)", parseNumber)
    .action(async (file: string, options: ConvertOptions) => {
      const { convertCommand } = await import('../commands/model.ts');
      exitWith(await convertCommand(file, options));
    });
}
