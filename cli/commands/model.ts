import { resolve } from 'node:path';
import { convertModelFile } from '../model/convert-model-file.ts';
import { describeInspected } from '../model/describe-inspected.ts';
import { inspectModel } from '../model/inspect-model.ts';
import { EXIT, printResult, printStep } from '../output.ts';

/** `reignite model inspect`: what a checkpoint holds, and every name in it. Nothing is executed. */
export async function inspectCommand(file: string, { json }: { readonly json?: boolean }): Promise<number> {
  const model = await inspectModel(resolve(file));
  printResult(json ? JSON.stringify(model, null, 1) : describeInspected(model));
  return EXIT.done;
}

export interface ConvertOptions {
  readonly out?: string;
  readonly size?: number;
  readonly json?: boolean;
}

/** `reignite model convert`: a checkpoint as ONNX, with a card that says what it is. */
export async function convertCommand(file: string, { out, size, json }: ConvertOptions): Promise<number> {
  const { onnx, card } = await convertModelFile(resolve(file), out === undefined ? undefined : resolve(out), size);
  printResult(json ? JSON.stringify({ onnx, card }, null, 1) : onnx);
  if (!json) printStep('What it is stands beside it, as JSON.');
  return EXIT.done;
}
