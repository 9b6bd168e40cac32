import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ReigniteError } from '../../toolkit/errors.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { describeOnnxModel } from '../../toolkit/models/describe-onnx.ts';
import { refuseOtherFile } from '../../toolkit/models/identify-file.ts';
import { sidecarPath } from '../../toolkit/onnx/custom-model/sidecar.ts';
import { EXIT, printResult, printStep } from '../output.ts';

export interface DescribeOptions {
  readonly out?: string;
  readonly json?: boolean;
}

/**
 * `reignite model describe`: writes a draft of a model JSON file, or says which file already describes the model.
 *
 * @throws ReigniteError USAGE for a file that is not ONNX, or if a file would be overwritten.
 */
export async function describeCommand(file: string, { out, json }: DescribeOptions): Promise<number> {
  const path = resolve(file);
  if (!/\.onnx$/i.test(path)) {
    await refuseOtherFile(path);
    throw new ReigniteError('USAGE', `${path} is not an .onnx file.`, {
      remedy: 'Checkpoints describe themselves: `npx reignite model inspect` shows what a checkpoint contains.',
    });
  }
  const description = await describeOnnxModel(path);
  if (description.by !== 'draft') {
    printResult(JSON.stringify(json ? description : description.sidecar, null, 1));
    if (!json) printStep(`${SOURCES[description.by]} ${description.source}; nothing needs to be written.`);
    return EXIT.done;
  }
  const target = out === undefined ? sidecarPath(path) : resolve(out);
  if (existsSync(target)) {
    throw new ReigniteError('USAGE', `${target} already exists.`, { remedy: 'Name another file with `--out`.' });
  }
  await writeFileAtomic(target, `${JSON.stringify(description.sidecar, null, 1)}\n`);
  printResult(json ? JSON.stringify({ ...description, written: target }, null, 1) : target);
  if (json) return EXIT.done;
  printStep('This is a draft. Before you use the model:');
  for (const question of description.unknown) printStep(`  ${question}`);
  return EXIT.done;
}

const SOURCES = {
  card: 'reignite converted the model, see',
  metadata: 'The model describes itself in its metadata:',
  file: 'The model is described by',
} as const;
