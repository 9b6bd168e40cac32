import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inspectModel } from '../../../cli/predict/inspect-model.ts';
import { convertCommand, describeCommand } from '../../../cli/predict/model.ts';
import { parityCommand } from '../../../cli/predict/parity.ts';
import { readTextIfThere } from '../../../toolkit/files/file-access.ts';
import { sha256OfFile } from '../../../toolkit/files/hash-file.ts';
import { readJsonIfValid } from '../../../toolkit/files/text-file.ts';
import { describeDetector } from '../../../toolkit/models/cell-model.ts';
import { prepareTissueModel } from '../../../toolkit/models/tissue-model.ts';
import { ModelCard } from '../../../toolkit/nnunet/model-card.ts';
import { writeNpy } from '../../../toolkit/numpy.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const ONE = { dtype: 'float32', shape: [1], data: new Float32Array(1) } as const;
const json = true;

it.each(['pipe.pt', 'pipe.onnx'])('rejects the named pipe %s wherever a model is named', async (name) => {
  const folder = await temporaryFolder();
  const [pipe, input] = [join(folder, name), join(folder, 'one.npy')];
  execFileSync('mkfifo', [pipe]);
  await writeNpy(input, ONE);
  const refused = {
    code: 'USAGE',
    message: expect.stringContaining('is a named pipe'),
    remedy: expect.stringMatching(/^Save/),
  };
  await expect(inspectModel(pipe)).rejects.toMatchObject(refused);
  await expect(describeCommand(pipe, { json })).rejects.toMatchObject(refused);
  await expect(convertCommand(pipe, { json })).rejects.toMatchObject(refused);
  await expect(describeDetector(pipe)).rejects.toMatchObject(refused);
  await expect(parityCommand(pipe, { against: input, input, tolerance: 0, json })).rejects.toMatchObject(refused);
});

it('rejects a named pipe in place of any other file of a model', async () => {
  const pipe = join(await temporaryFolder(), 'pipe.onnx');
  execFileSync('mkfifo', [pipe]);
  await writeFile(pipe.replace('.onnx', '.json'), '{}');
  const refused = { code: 'USAGE', message: expect.stringContaining('is a named pipe') };
  await expect(prepareTissueModel(pipe, join(pipe, '..'))).rejects.toMatchObject(refused);
  await expect(sha256OfFile(pipe)).rejects.toMatchObject(refused);
  await expect(readTextIfThere(pipe)).rejects.toMatchObject(refused);
  expect(await readJsonIfValid(pipe, ModelCard)).toBeUndefined();
  const parity = parityCommand('model.onnx', { against: pipe, input: pipe, tolerance: 0, json });
  await expect(parity).rejects.toMatchObject(refused);
});

it('rejects a folder whose name ends in .onnx', async () => {
  const path = join(await temporaryFolder(), 'model.onnx');
  await mkdir(path);
  const refused = { code: 'USAGE', message: expect.stringContaining('is a folder') };
  await expect(inspectModel(path)).rejects.toMatchObject(refused);
  await expect(describeCommand(path, { json })).rejects.toMatchObject(refused);
  await expect(convertCommand(path, { json })).rejects.toMatchObject(refused);
  await expect(prepareTissueModel(path, join(path, '..'))).rejects.toMatchObject(refused);
});
