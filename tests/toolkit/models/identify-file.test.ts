import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { inspectModel } from '../../../cli/predict/inspect-model.ts';
import { convertCommand, describeCommand } from '../../../cli/predict/model.ts';
import { parityCommand } from '../../../cli/predict/parity.ts';
import { identifyFile } from '../../../toolkit/models/identify-file.ts';
import { writeNpy } from '../../../toolkit/numpy.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const fixture = (path: string) => fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url));
const POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n';
const json = true;

it.each([
  ['pointer.onnx', POINTER, 'a Git LFS pointer', /git lfs pull/],
  ['notes.onnx', 'a text about the model\n', 'a text file', /Export or download/],
  ['notes.txt', 'a text about the model\n', 'a text file', /./],
])('names the content of %s in every command', async (name, content, kind, remedy) => {
  const folder = await temporaryFolder();
  const [path, input] = [join(folder, name), join(folder, 'one.npy')];
  await writeFile(path, content);
  await writeNpy(input, { dtype: 'float32', shape: [1], data: new Float32Array(1) });
  const message = expect.stringContaining(`${path} is ${kind}`);
  expect((await inspectModel(path)).holds).toContain(kind);
  await expect(describeCommand(path, { json })).rejects.toMatchObject({
    message,
    remedy: expect.stringMatching(remedy),
  });
  await expect(convertCommand(path, { json })).rejects.toMatchObject({ message });
  const parity = parityCommand(path, { against: input, input, tolerance: 0, json });
  await expect(parity).rejects.toMatchObject({ message });
});

it('identifies a checkpoint whose name ends in .onnx', async () => {
  const path = join(await temporaryFolder(), 'model.onnx');
  await copyFile(fixture('ultralytics/v8.pt'), path);
  expect(await identifyFile(path)).toMatchObject({ form: 'zip' });
  expect((await inspectModel(path)).holds).toMatch(/^a DetectionModel/);
  await expect(describeCommand(path, { json })).rejects.toMatchObject({
    code: 'MODEL_UNREADABLE',
    message: expect.stringContaining('a zip archive, as PyTorch writes checkpoints, not an ONNX model'),
    remedy: expect.stringContaining('model inspect'),
  });
  await expect(convertCommand(path, { json })).rejects.toMatchObject({ code: 'USAGE' });
});

it('identifies an ONNX file of any name', async () => {
  const path = join(await temporaryFolder(), 'model.pt');
  await copyFile(fixture('onnx-models/half.onnx'), path);
  expect(await identifyFile(path)).toMatchObject({ form: 'onnx' });
  expect(await inspectModel(path)).toMatchObject({ format: 'onnx', safe: true });
});

it('identifies a text that is a pickle', async () => {
  const path = join(await temporaryFolder(), 'list.pkl');
  await writeFile(path, '(lp0\nI1\na.');
  expect(await identifyFile(path)).toMatchObject({ form: 'unknown' });
});
