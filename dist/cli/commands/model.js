import { resolve } from 'node:path';
import { convertModelFile } from '../model/convert-model-file.js';
import { describeInspected } from '../model/describe-inspected.js';
import { inspectModel } from '../model/inspect-model.js';
import { EXIT, printResult, printStep } from '../output.js';
/** `reignite model inspect`: what a checkpoint holds, and every name in it. Nothing is executed. */
export async function inspectCommand(file, { json }) {
    const model = await inspectModel(resolve(file));
    printResult(json ? JSON.stringify(model, null, 1) : describeInspected(model));
    return EXIT.done;
}
/** `reignite model convert`: a checkpoint as ONNX, with a card that says what it is. */
export async function convertCommand(file, { out, size, json }) {
    const { onnx, card } = await convertModelFile(resolve(file), out === undefined ? undefined : resolve(out), size);
    printResult(json ? JSON.stringify({ onnx, card }, null, 1) : onnx);
    if (!json)
        printStep('What it is stands beside it, as JSON.');
    return EXIT.done;
}
