import { command } from './command.js';
/** Commands on checkpoints. */
export function modelCommands(program, { exitWith }) {
    const model = program.command('model').description('look into a PyTorch checkpoint safely, or write it as ONNX');
    command(model, 'inspect <file>', 'what a checkpoint holds, and every name in it; nothing is executed').action(async (file, options) => {
        const { inspectCommand } = await import('../commands/model.js');
        exitWith(await inspectCommand(file, options));
    });
    command(model, 'convert <file>', 'an nnU-Net v1 fold (fold_K/model_best.model) or a YOLOv5 .pt as ONNX')
        .option('--out <file.onnx>', 'where it goes (default: beside the checkpoint)')
        .option('--size <px>', "side of a detector's tile (default: 512)", Number)
        .action(async (file, options) => {
        const { convertCommand } = await import('../commands/model.js');
        exitWith(await convertCommand(file, options));
    });
}
