import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { inspectModel } from '../../../cli/predict/inspect-model.ts';
import { convertCommand } from '../../../cli/predict/model.ts';
import { sha256OfFile } from '../../../toolkit/files/hash-file.ts';
import { describeDetector } from '../../../toolkit/models/cell-model.ts';
import { prepareTissueModel } from '../../../toolkit/models/tissue-model.ts';
import { convertModel } from '../../../toolkit/nnunet/convert/convert-model.ts';
import { bareWeights } from '../../../toolkit/nnunet/convert/find-model-folder.ts';
import { openCheckpoint } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import { dictGet, locate } from '../../../toolkit/pytorch/pickle/value.ts';
import { averageBeside, findStateDict } from '../../../toolkit/pytorch/tensors/state-dict.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { addNumber, writeAsSafetensors } from '../../support/safetensors.ts';
import { dict } from '../yolo/support/pickle-tree.ts';

const fixture = (path: string) => fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url));
const V2 = fixture('nnunet-v2/models/C_old_plans_grey/nnUNetTrainer__nnUNetPlans__2d');
const V1 = fixture('nnunet/plain');

/** The weights of one fold as safetensors, in a folder with or without their plans. */
async function bare(version: 'v1' | 'v2', hasPlans = true, prefix = ''): Promise<string> {
  const folder = await temporaryFolder();
  const path = join(folder, 'weights.safetensors');
  if (version === 'v1') {
    await writeAsSafetensors(join(V1, 'fold_0/model_best.model'), path, prefix);
    if (hasPlans) await copyFile(join(V1, 'fold_0/model_best.model.pkl'), `${path}.pkl`);
    return path;
  }
  await writeAsSafetensors(join(V2, 'fold_0/checkpoint_final.pth'), path, prefix);
  for (const name of hasPlans ? ['plans.json', 'dataset.json'] : []) await copyFile(join(V2, name), join(folder, name));
  return path;
}

describe('weights of nnU-Net in a safetensors file', () => {
  it.each([
    ['v1', ''],
    ['v2', ''],
    ['v1', 'module.net.'],
    ['v2', 'model._orig_mod.'],
  ] as const)('of %s become the same network as the checkpoint, with the prefix "%s"', async (version, prefix) => {
    const path = await bare(version, true, prefix);
    const out = join(await temporaryFolder(), 'own.onnx');
    expect(await convertCommand(path, { out, json: true })).toBe(0);
    const name = version === 'v1' ? 'model_best' : 'checkpoint_final';
    const original = await temporaryFolder();
    await convertModel({ folder: version === 'v1' ? V1 : V2, folds: [0], name, out: original });
    expect(await sha256OfFile(out)).toBe(await sha256OfFile(join(original, 'fold_0.onnx')));
    const models = await temporaryFolder();
    expect(await prepareTissueModel(path, models)).toMatchObject({ folds: ['all'], cached: false });
    expect(await prepareTissueModel(path, models)).toMatchObject({ cached: true });
  });

  it.each(['v1', 'v2'] as const)(
    'of %s may be those of AveragedModel, with their number of models',
    async (version) => {
      const path = await bare(version, true, 'module.');
      await addNumber(path, 'n_averaged', 4n);
      const files = await bareWeights(path);
      if (files === undefined) throw new TypeError('There are no plans');
      const card = await convertModel({ folder: '', files: [files], out: await temporaryFolder() });
      expect(card.folds[0]).toMatchObject({ parallelPrefix: true, unused: expect.arrayContaining(['n_averaged']) });
    },
  );

  it.each([
    ['v1', /model_best.model.pkl/],
    ['v2', /plans.json and dataset.json/],
  ] as const)('of %s need their plans', async (version, remedy) => {
    const path = await bare(version, false);
    const failure = { code: 'FOLD_MISSING', remedy: expect.stringMatching(remedy) };
    await expect(convertCommand(path, {})).rejects.toMatchObject(failure);
    await expect(prepareTissueModel(path, await temporaryFolder())).rejects.toMatchObject(failure);
  });

  it('are named by inspect, and rejected as a detector', async () => {
    const path = await bare('v2', false);
    expect(await inspectModel(path)).toMatchObject({
      format: 'safetensors',
      holds: 'weights of an nnU-Net v2 network by name (a state dict)',
      next: expect.stringContaining('reignite model convert'),
    });
    await expect(describeDetector(path)).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringContaining('only weights (a state dict) of an nnU-Net v2 network'),
    });
  });

  it('have no folds and no mirroring', async () => {
    const path = await bare('v2');
    const models = await temporaryFolder();
    await expect(prepareTissueModel(path, models, { folds: [0] })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(prepareTissueModel(path, models, { mirroring: true })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('are a moving average only if there is nothing else', async () => {
    const checkpoint = await openCheckpoint(join(V2, 'fold_0/checkpoint_final.pth'));
    onTestFinished(() => checkpoint.close());
    const weights = dictGet(locate(checkpoint.root, '', 'CHECKPOINT_UNSUPPORTED'), 'network_weights').value ?? null;
    expect(findStateDict(dict({ ema_state_dict: weights, epoch: 3 }))?.key).toBe('ema_state_dict');
    expect(findStateDict(dict({ ema_state_dict: weights, model_state_dict: weights }))?.key).toBe('model_state_dict');
    expect(averageBeside(dict({ ema_state_dict: weights, epoch: 3 }))).toBeUndefined();
    expect(averageBeside(dict({ ema: weights, network_weights: weights }))).toBe('ema');
  });

  it('are refused as integers, whose scale is not known', async () => {
    const path = await bare('v2');
    const bytes = await readFile(path, 'latin1');
    await writeFile(path, bytes.replaceAll('"dtype":"F32"', '"dtype":"I32"'), 'latin1');
    await expect(prepareTissueModel(path, await temporaryFolder())).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringContaining('is stored as int32; quantised weights are not supported'),
    });
  });

  it('are refused with a type of elements that is not known, by its name', async () => {
    const path = await bare('v2');
    const bytes = await readFile(path, 'latin1');
    await writeFile(path, bytes.replace('"dtype":"F32"', '"dtype":"F8_"'), 'latin1');
    await expect(prepareTissueModel(path, await temporaryFolder())).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringContaining('of the type F8_'),
    });
  });

  it('may have any name', async () => {
    const path = await bare('v2');
    const other = path.replace('.safetensors', '.pth');
    await rename(path, other);
    expect(await prepareTissueModel(other, await temporaryFolder())).toMatchObject({ folds: ['all'] });
  });
});
