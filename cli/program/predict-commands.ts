import { type Command, Option } from 'commander';
import { TASKS } from '../../config/tasks.ts';
import type { EvaluateOptions } from '../predict/evaluate.ts';
import type { ConvertOptions, InspectOptions } from '../predict/model.ts';
import type { PredictOptions } from '../predict/predict.ts';
import { type CommandContext, command, parseNumber } from './command.ts';

/** Commands on predictions and images of the user's own; none but `predict --run` needs Temporal. */
export function predictionCommands(program: Command, { signal, exitWith }: CommandContext): void {
  command(program, 'predict', 'masks, outlines and areas, or cells and counts, of images of your own')
    .argument('<image...>', 'PNG, JPEG or TIFF')
    .addOption(new Option('--task <task>', 'what to predict').choices(TASKS).makeOptionMandatory())
    .requiredOption(
      '--model <path>',
      'nnU-Net folder (v1, or v2 2D) or one fold of it (he), YOLOv5 .pt (nuclei, pdl1), or .onnx with its sidecar',
    )
    .requiredOption('--out <dir>', 'where everything goes')
    .option('--mpp <um>', 'side of one pixel in µm: gives mm²; the models expect 0.5', parseNumber)
    .option('--resample', 'bring the images to 0.5 µm/px for the network; results come in their own pixels')
    .option('--folds <list>', 'only these folds of an nnU-Net model, such as 0,1,3,4 or all (default: every fold)')
    .option('--mirroring', 'predict tiles mirrored too, as nnU-Net v2 does by default: up to four times the time')
    .option('--no-mirroring', 'do not (the default)')
    .option(
      '--max-value <n>',
      'value of 16-bit samples that stands for white, such as 4095 for 12 bits (default: 65535)',
      parseNumber,
    )
    .option('--labels <file>', "JSON object of names to label values, where the model is not the paper's")
    .option('--simplify <px>', 'smooth outlines by at most so much (default: 0, the edges of the pixels)', parseNumber)
    .option(
      '--min-area <px>',
      'no outlines for smaller regions; masks and areas keep them (default: 25; 0 keeps all)',
      parseNumber,
    )
    .option('--provider <name>', 'auto, cpu, cuda or webgpu (default: auto)')
    .option('--threads <n>', 'threads of the network (default: all cores)', parseNumber)
    .option('--quiet', 'leave the notes out on the screen; summary.json and the overlays keep them')
    .option('--run', 'as a durable run: an activity an image, shared among workers, seen in the Temporal UI')
    .action(async (images: string[], options: PredictOptions) => {
      const { predictCommand } = await import('../predict/predict.ts');
      exitWith(await predictCommand(images, options, signal));
    });

  command(program, 'evaluate', "anybody's predictions under the paper's protocol; needs no Temporal and no model")
    .addOption(new Option('--task <task>', 'what the predictions are of').choices(TASKS).makeOptionMandatory())
    .requiredOption('--data <dir>', 'the record: overview and annotations; images for the figures of single ROIs')
    .requiredOption('--predictions <dir>', 'the folder that directly holds the masks (.png) or points (.npy)')
    .requiredOption('--out <dir>', 'where metrics/ and figures/ go')
    .option('--labels <file>', "JSON object of the paper's label names to the values of your masks")
    .option('--classes <names>', 'score these classes, separated by commas, and all others as one')
    .addOption(
      new Option('--categories <rule>', "class of a reader's cell: by the category's id, as the paper, or by its name")
        .choices(['by-id', 'by-name'])
        .default('by-id'),
    )
    .action(async (options: EvaluateOptions) => {
      const { evaluateCommand } = await import('../predict/evaluate.ts');
      exitWith(await evaluateCommand(options));
    });
}

/** Commands on checkpoints. */
export function modelCommands(program: Command, { exitWith }: CommandContext): void {
  const model = program.command('model').description('look into a PyTorch checkpoint safely, or write it as ONNX');
  command(model, 'inspect <file>', 'what a checkpoint holds, and every name in it; nothing is executed')
    .option('--strict', 'exit with 1 for a file that is dangerous or cannot be read as a model')
    .action(async (file: string, options: InspectOptions) => {
      const { inspectCommand } = await import('../predict/model.ts');
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
      const { convertCommand } = await import('../predict/model.ts');
      exitWith(await convertCommand(file, options));
    });
}
