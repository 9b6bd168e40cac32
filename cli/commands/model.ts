import { resolve } from 'node:path';
import { convertModelFile } from '../model/convert-model-file.ts';
import { describeInspected } from '../model/describe-inspected.ts';
import { inspectModel } from '../model/inspect-model.ts';
import { EXIT, printResult, printStep } from '../output.ts';

export interface InspectOptions {
  readonly json?: boolean;
  /** Whether what is dangerous, or is not a model that can be read, is an error. */
  readonly strict?: boolean;
}

/**
 * `reignite model inspect`: what a checkpoint holds, and every name in it. Nothing is executed.
 *
 * @returns 1 with `strict` for a file that is dangerous or cannot be read as a model.
 */
export async function inspectCommand(file: string, { json, strict = false }: InspectOptions): Promise<number> {
  const model = await inspectModel(resolve(file));
  printResult(json ? JSON.stringify(model, null, 1) : describeInspected(model));
  const isAccepted = model.safe && model.format !== 'other';
  return strict && !isAccepted ? EXIT.error : EXIT.done;
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
