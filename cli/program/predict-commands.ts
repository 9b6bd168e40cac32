import { type Command, Option } from 'commander';
import { TASKS } from '../../config/tasks.ts';
import type { EvaluateOptions } from '../predict/evaluate.ts';
import type { ConvertOptions, InspectOptions } from '../predict/model.ts';
import type { PredictOptions } from '../predict/predict.ts';
import type { ViewerCommandOptions } from '../predict/viewer.ts';
import { type CommandContext, command, parseNumber, withExamples } from './command.ts';

/** Commands for the user's predictions and images; only `predict --run` needs Temporal. */
export function predictionCommands(program: Command, { signal, exitWith }: CommandContext): void {
  program.commandsGroup('Predictions and models:');
  withExamples(
    command(program, 'predict', 'segment tissue or detect cells in your images and slides'),
    'predict --task he --model models/he --out predicted --mpp 0.5 regions/*.png',
    'predict --task nuclei --model nuclei.pt --out cells slide.svs',
  )
    .argument('<image...>', 'PNG, JPEG or TIFF; whole slides: SVS, pyramidal TIFF, OME-TIFF')
    .addOption(new Option('--task <task>', 'task of the model').choices(TASKS).makeOptionMandatory())
    .requiredOption(
      '--model <path>',
      'nnU-Net folder (v1, or v2 2D) or one of its folds (he), .pt of YOLOv5 or Ultralytics (nuclei, pdl1), or .onnx',
    )
    .requiredOption('--out <dir>', 'output folder')
    .option('--mpp <um>', 'pixel size in µm, for areas in mm²; the models expect 0.5', parseNumber)
    .option('--resample', 'resample images to 0.5 µm/px for the network; results keep the original pixels')
    .option(
      '--level <n>',
      'slides: use this level as it is, 0 is the largest (default: the level for 0.5 µm/px)',
      parseNumber,
    )
    .option('--everywhere', 'slides: predict the glass too, not only tissue')
    .option('--regions <file>', 'slides: also count cells in the polygons of this GeoJSON file (nuclei, pdl1)')
    .option('--folds <list>', 'folds of an nnU-Net model to use, such as 0,1,3,4 or all (default: every fold)')
    .option('--mirroring', 'also predict mirrored tiles, as nnU-Net v2 does by default; up to four times slower')
    .option('--no-mirroring', 'do not predict mirrored tiles (default)')
    .option(
      '--max-value <n>',
      'value of white in 16-bit images, such as 4095 for 12 bits (default: 65535)',
      parseNumber,
    )
    .option('--labels <file>', "JSON object that maps label names to mask values, for models other than the paper's")
    .option('--simplify <px>', 'outline simplification tolerance in px (default: 0, exact pixel edges)', parseNumber)
    .option(
      '--min-area <px>',
      'smallest region that gets an outline; masks and areas keep all regions (default: 25; 0 keeps all)',
      parseNumber,
    )
    .option(
      '--confidence <0..1>',
      "smallest detection score of a cell (default: 0.25; the paper's for a model with its classes)",
      parseNumber,
    )
    .option(
      '--iou <0..1>',
      'overlap above which the lower-scored box is dropped (default: 0.7; YOLOv5 0.45)',
      parseNumber,
    )
    .option(
      '--imgsz <px>',
      'scale each image to this length of its longer side, as yolo predict does (default: tiles)',
      parseNumber,
    )
    .addOption(
      new Option('--fit <how>', 'tiles of --imgsz px at the original resolution, or the whole image').choices([
        'tiles',
        'letterbox',
      ]),
    )
    .option(
      '--overlap <px>',
      'px that adjacent tiles share (default: a fifth of a tile; 0 for models with the classes of the paper; slides: 64)',
      parseNumber,
    )
    .option('--provider <name>', 'ONNX Runtime provider: auto, cpu, cuda or webgpu (default: auto)')
    .option('--threads <n>', 'threads for the network (default: all cores)', parseNumber)
    .option('--quiet', 'do not print notes; summary.json and overlays keep them')
    .option('--run', 'run as a Temporal workflow, one activity per image')
    .action(async (images: string[], options: PredictOptions) => {
      const { predictCommand } = await import('../predict/predict.ts');
      exitWith(await predictCommand(images, options, signal));
    });

  withExamples(
    command(program, 'viewer <folders...>', 'make a page that shows predicted slides by deep zoom, offline'),
    'viewer tissue',
    'viewer tissue cells --out pages --dry-run',
  )
    .option('--out <dir>', 'folder of the page and its tiles (default: viewer/ in the first folder)')
    .option('--slides <dir>', 'folder that holds the slides now, if they were moved')
    .option('--full', 'slides in their own resolution, not in that of the network')
    .option('--dry-run', 'print how many tiles and bytes would be written, without writing them')
    .action(async (folders: string[], options: ViewerCommandOptions) => {
      const { viewerCommand } = await import('../predict/viewer.ts');
      exitWith(await viewerCommand(folders, options, signal));
    });

  withExamples(
    command(program, 'evaluate', "score existing predictions with the paper's protocol"),
    'evaluate --task he --data data/15674785 --predictions my-masks --out scores',
  )
    .addOption(new Option('--task <task>', 'task of the predictions').choices(TASKS).makeOptionMandatory())
    .option('--data <dir>', 'folder of the record: overview and annotations; images only for figures of single ROIs')
    .requiredOption('--predictions <dir>', 'folder that directly contains the masks (.png) or points (.npy)')
    .option(
      '--boxes <file>',
      'instead of --data: annotated boxes as COCO JSON, for mAP50 and mAP50-95 of candidates or COCO results',
    )
    .option('--max-boxes <n>', 'with --boxes: best boxes per class and image that count (default: 100)', parseNumber)
    .requiredOption('--out <dir>', 'folder for metrics/ and figures/')
    .option('--labels <file>', "JSON object that maps the paper's label names to the values in your masks")
    .option('--classes <names>', 'score only these classes, separated by commas; merge all others')
    .addOption(
      new Option(
        '--categories <rule>',
        'how to derive the class of an annotated cell: from the category ID, as in the paper, or from its name',
      )
        .choices(['by-id', 'by-name'])
        .default('by-id'),
    )
    .action(async (options: EvaluateOptions) => {
      const { evaluateCommand } = await import('../predict/evaluate.ts');
      exitWith(await evaluateCommand(options));
    });
}

/** Commands for checkpoints. */
export function modelCommands(program: Command, { exitWith }: CommandContext): void {
  program.commandsGroup('Predictions and models:');
  const model = program.command('model').description('inspect a PyTorch checkpoint safely, or convert it to ONNX');
  command(model, 'inspect <file>', 'show the contents and imported names of a checkpoint, without executing it')
    .option('--strict', 'exit with status 1 if the file is dangerous or not a readable model')
    .action(async (file: string, options: InspectOptions) => {
      const { inspectCommand } = await import('../predict/model.ts');
      exitWith(await inspectCommand(file, options));
    });
  command(
    model,
    'convert <file>',
    'convert an nnU-Net fold (fold_K/model_best.model or checkpoint_final.pth) or a .pt of YOLOv5 or Ultralytics to ONNX',
  )
    .option('--out <file.onnx>', 'output file (default: next to the checkpoint)')
    .option(
      '--size <px>',
      'tile size of a detector (default: the training size for Ultralytics, 512 for YOLOv5)',
      parseNumber,
    )
    .action(async (file: string, options: ConvertOptions) => {
      const { convertCommand } = await import('../predict/model.ts');
      exitWith(await convertCommand(file, options));
    });
}
