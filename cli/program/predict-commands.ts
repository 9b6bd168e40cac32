import { type Command, Option } from 'commander';
import { TASKS } from '../../config/tasks.ts';
import type { EvaluateOptions } from '../predict/evaluate.ts';
import type { ConvertOptions, DescribeOptions, InspectOptions } from '../predict/model.ts';
import type { ParityOptions } from '../predict/parity.ts';
import type { PredictOptions } from '../predict/predict.ts';
import type { ViewerCommandOptions } from '../predict/viewer.ts';
import { type CommandContext, command, parseNumber, withExamples } from './command.ts';

/** Adds the commands for the user's predictions and images; only `predict --run` needs Temporal. */
export function predictionCommands(program: Command, { signal, exitWith }: CommandContext): void {
  program.commandsGroup('Predictions and models:');
  withExamples(
    command(program, 'predict', 'segment tissue or detect cells in your images and slides'),
    'predict --task he --model models/he --out predicted --mpp 0.5 regions/*.png',
    'predict --task nuclei --model nuclei.pt --out cells slide.svs',
  )
    .argument(
      '<image...>',
      'PNG, JPEG or TIFF, or with an nnU-Net model a folder of them; whole slides: SVS, pyramidal TIFF, OME-TIFF; others with --openslide',
    )
    .addOption(new Option('--task <task>', 'task of the model').choices(TASKS).makeOptionMandatory())
    .requiredOption(
      '--model <path>',
      'he: 2D nnU-Net folder (v1 or v2) or one of its folds; nuclei, pdl1: .pt of YOLOv5 or Ultralytics; all: .onnx',
    )
    .requiredOption('--out <dir>', 'output folder')
    .option(
      '--mpp <um>',
      'pixel size in µm, for areas in mm² (default: unknown; for slides: from the file); the models expect 0.5',
      parseNumber,
    )
    .option(
      '--resample',
      'resample images to 0.5 µm/px for the model (needs --mpp); results are in the original pixels',
    )
    .option(
      '--level <n>',
      'slides: use this level without resampling; 0 is the largest (default: resample a level to 0.5 µm/px)',
      parseNumber,
    )
    .option('--everywhere', 'slides: predict the whole slide (default: only tissue)')
    .option(
      '--openslide <file>',
      'library file of OpenSlide, for slides in NDPI, MRXS, DICOM, BIF and VMS (default: REIGNITE_OPENSLIDE)',
    )
    .option('--regions <file>', 'slides: also count cells per polygon of this GeoJSON file (nuclei, pdl1)')
    .option(
      '--folds <list>',
      'folds of an nnU-Net model, such as 0,1,3,4 or the fold all (default: every numbered fold)',
    )
    .option('--mirroring', 'also predict mirrored tiles, as nnU-Net does by default; up to four times slower')
    .option('--no-mirroring', 'do not predict mirrored tiles (default)')
    .option(
      '--max-value <n>',
      '16-bit images: the value of white, such as 4095 for 12 bits (default: 65535)',
      parseNumber,
    )
    .option(
      '--labels <file>',
      "JSON file that maps label names to mask values (default: the model's; for 17 unnamed classes the paper's; else numbers)",
    )
    .option(
      '--simplify <px>',
      'leave out corners within this many px of the simplified outline (default: 0, exact pixel edges)',
      parseNumber,
    )
    .option(
      '--min-area <px>',
      'area of the smallest region that gets an outline (default: 25; 0: all); masks and areas keep all regions',
      parseNumber,
    )
    .option(
      '--confidence <0..1>',
      "detection score that a cell must exceed (default: 0.25; 0.5 for YOLOv5 with the paper's class names)",
      parseNumber,
    )
    .option(
      '--iou <0..1>',
      'overlap (IoU) above which the box with the lower detection score is dropped (default: 0.7; ' +
        "YOLOv5: 0.45; the paper's: 0.5 nuclei, 0.6 pdl1)",
      parseNumber,
    )
    .option(
      '--imgsz <px>',
      'scale the longer side of each image to this length, as yolo predict does; with --fit tiles: side of a tile',
      parseNumber,
    )
    .addOption(
      new Option(
        '--fit <how>',
        'cut tiles without scaling, or scale the whole image (default: letterbox with --imgsz or an ONNX input that is not square, else tiles)',
      ).choices(['tiles', 'letterbox']),
    )
    .option(
      '--overlap <px>',
      "px that adjacent tiles share (default: a fifth of a tile; YOLOv5 with the paper's class names, without " +
        '--fit: 0); not for slides, whose tiles share up to 64',
      parseNumber,
    )
    .option('--provider <name>', 'ONNX Runtime provider: auto, cpu, cuda or webgpu (default: auto)')
    .option('--threads <n>', 'threads for inference (default: all cores)', parseNumber)
    .addOption(
      new Option(
        '--engine <name>',
        'for masks: exact adds up tiles in the order of nnU-Net; fast uses another order, and half precision on CUDA (default: exact)',
      ).choices(['exact', 'fast']),
    )
    .option('--quiet', 'do not print notes; they are still written to summary.json and overlays')
    .option('--run', 'run as a Temporal workflow, one activity per image; large slides: one per strip')
    .action(async (images: string[], options: PredictOptions) => {
      const { predictCommand } = await import('../predict/predict.ts');
      exitWith(await predictCommand(images, options, signal));
    });

  withExamples(
    command(program, 'viewer', 'write an offline page that shows predicted slides with deep zoom'),
    'viewer tissue',
    'viewer tissue cells --out pages --dry-run',
  )
    .argument('<folders...>', 'output folders of predict, with slides')
    .option('--out <dir>', 'folder of the page and its tiles (default: viewer/ in the first folder)')
    .option('--slides <dir>', 'folder with the slides (default: where they were when predicted)')
    .option(
      '--openslide <file>',
      'library file of OpenSlide, for slides in NDPI, MRXS, DICOM, BIF and VMS (default: REIGNITE_OPENSLIDE)',
    )
    .option('--full', 'show slides at full resolution (default: the resolution that the network saw)')
    .option('--dry-run', 'print how many tiles and bytes would be written, without writing them')
    .action(async (folders: string[], options: ViewerCommandOptions) => {
      const { viewerCommand } = await import('../predict/viewer.ts');
      exitWith(await viewerCommand(folders, options, signal));
    });

  withExamples(
    command(program, 'evaluate', "score existing predictions with the paper's protocol, or against your annotations"),
    'evaluate --task he --data data/15674785 --predictions my-masks --out scores',
    'evaluate --task he --masks annotated --predictions predicted/masks --out scores',
    'evaluate --task nuclei --boxes annotations.json --predictions found/candidates --out scores',
  )
    .addOption(new Option('--task <task>', 'task of the predictions').choices(TASKS).makeOptionMandatory())
    .option(
      '--data <dir>',
      'data folder with overview and annotations (images are needed only for the figures of ROIs)',
    )
    .requiredOption(
      '--predictions <dir>',
      'folder that directly contains the masks (.png, .tif) or points (.npy); with --boxes: candidates/ of predict, or COCO results',
    )
    .option('--boxes <file>', 'instead of --data: annotated boxes as COCO JSON; computes mAP50 and mAP50-95')
    .option(
      '--max-boxes <n>',
      'with --boxes: number of boxes per class and image that count, best first (default: 100)',
      parseNumber,
    )
    .option('--masks <dir>', 'instead of --data: folder of annotated masks with any labels; computes Dice')
    .option(
      '--ignore <value>',
      'with --masks: leave out pixels that have this value in the annotation, 0 to 65535',
      parseNumber,
    )
    .requiredOption('--out <dir>', 'output folder; gets metrics/ and, depending on the options, figures/ and report/')
    .option(
      '--labels <file>',
      "JSON file that maps label names to the values in your masks (default: the paper's; with --masks: every value)",
    )
    .option(
      '--classes <names>',
      'classes to score, separated by commas; all others are merged into one (default: all classes)',
    )
    .addOption(
      new Option(
        '--categories <rule>',
        'whether the class of an annotated cell follows from the ID (as in the paper) or the name of its category (default: by-id)',
      ).choices(['by-id', 'by-name']),
    )
    .action(async (options: EvaluateOptions) => {
      const { evaluateCommand } = await import('../predict/evaluate.ts');
      exitWith(await evaluateCommand(options));
    });
}

/** Adds the commands for checkpoints. */
export function modelCommands(program: Command, { signal, exitWith }: CommandContext): void {
  program.commandsGroup('Predictions and models:');
  const model = program
    .command('model')
    .description('inspect, describe, convert and compare models; nothing in a checkpoint is executed');
  command(
    model,
    'inspect',
    'show the contents of a checkpoint or ONNX file and the names that Python would import, without executing it',
  )
    .argument('<file>', 'PyTorch checkpoint or ONNX file')
    .option('--strict', 'exit with status 1 if the file is dangerous or cannot be read as a model')
    .action(async (file: string, options: InspectOptions) => {
      const { inspectCommand } = await import('../predict/model.ts');
      exitWith(await inspectCommand(file, options));
    });
  command(model, 'describe', 'write a draft of the model JSON file, unless the model is already described')
    .argument('<file>', 'ONNX file')
    .option('--out <file.json>', 'output file (default: next to the model)')
    .action(async (file: string, options: DescribeOptions) => {
      const { describeCommand } = await import('../predict/model.ts');
      exitWith(await describeCommand(file, options));
    });
  command(model, 'convert', 'convert a checkpoint of nnU-Net, YOLOv5 or Ultralytics to ONNX')
    .argument('<file>', 'fold_K/model_best.model or checkpoint_final.pth of nnU-Net, or .pt of YOLOv5 or Ultralytics')
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
  command(model, 'parity', 'compare the output of a model with that of another ONNX file, or with a saved output')
    .argument('<file>', 'ONNX file, or a checkpoint that can be converted')
    .requiredOption('--against <file>', 'ONNX file, or output saved as .npy')
    .requiredOption('--input <file.npy>', 'input of both, in the shape that the model takes, such as [1, 3, 512, 512]')
    .option('--output <name>', 'output of the other ONNX file (default: the first)')
    .addOption(
      new Option('--tolerance <x>', 'largest accepted difference; if exceeded, the exit status is 4')
        .argParser(parseNumber)
        .default(1e-3),
    )
    .action(async (file: string, options: ParityOptions) => {
      const { parityCommand } = await import('../predict/parity.ts');
      exitWith(await parityCommand(file, options, signal));
    });
}
