import { existsSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodeLabels } from '../../toolkit/image/decode-labels.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';

const ROOT = fileURLToPath(new URL('../fixtures/nnunet-v2', import.meta.url));
const REGIONS = join(ROOT, 'models/D_regions_rescale/nnUNetTrainer__nnUNetPlans__2d');
const IMAGE = join(ROOT, 'images/small_0000.png');
const folder = suiteFolder();
const place = () => ({ home: join(folder(), 'home'), cwd: folder() });

async function predict(out: string, ...words: string[]) {
  const all = ['predict', '--task', 'he', '--out', out, '--provider', 'cpu', '--json', ...words, IMAGE];
  const { status, stdout, stderr } = await runHere(all, place());
  return { status, stderr, said: JSON.parse(stdout) };
}

describe('an nnU-Net v2 model on the command line', () => {
  it('predicts masks with the labels of the model, and describes it', async () => {
    const { status, stderr, said } = await predict('plain', '--model', REGIONS);
    expect(status).toBe(0);
    expect(said.model).toMatchObject({
      family: 'nnU-Net v2',
      trainer: 'nnUNetTrainer',
      plans: 'nnUNetPlans 2d',
      folds: [0, 2],
      mirrorAxes: [],
    });
    expect(said.images[0].areas.map(({ name }: { name: string }) => name)).toEqual([
      'background',
      'whole',
      'core',
      'active',
    ]);
    expect(said.images[0].notes.join(' ')).toContain('has no fold 1');
    expect(stderr).toContain('The logits are from folds 0 and 2 of the nnU-Net v2 model');
    const mask = await decodeLabels(join(folder(), 'plain/masks/small_0000.png'));
    const expected = await decodeLabels(join(ROOT, 'expected/D_regions_rescale/small.png'));
    const differing = mask.data.filter((value, at) => value !== expected.data[at]).length;
    expect(differing).toBeLessThanOrEqual(6);
  });

  it('mirrors tiles on request', async () => {
    const { said } = await predict('mirrored', '--model', REGIONS, '--folds', '0', '--mirroring');
    expect(said.model).toMatchObject({ folds: [0], mirrorAxes: [0, 1] });
    expect(said.images[0].notes.join(' ')).not.toContain('Tiles were not mirrored');
  });

  it('says which folder to name if a checkpoint of it is given', async () => {
    const { said } = await predict('file', '--model', join(REGIONS, 'fold_0', 'checkpoint_final.pth'));
    expect(said.error).toMatchObject({ code: 'CHECKPOINT_UNSUPPORTED', remedy: expect.stringContaining(REGIONS) });
  });

  it('converts one fold to ONNX, which predict accepts', async () => {
    const model = join(folder(), 'model');
    await cp(REGIONS, model, { recursive: true });
    const convert = await runHere(['model', 'convert', join(model, 'fold_2', 'checkpoint_final.pth')], place());
    expect(convert.status).toBe(0);
    const onnx = join(model, 'fold_2', 'checkpoint_final.onnx');
    expect(existsSync(onnx)).toBe(true);
    expect(JSON.parse(await readFile(onnx.replace('.onnx', '.json'), 'utf8'))).toMatchObject({ kind: 'nnunet-v2-2d' });
    const { said } = await predict('onnx', '--model', onnx);
    const again = (...words: string[]) =>
      runHere(['model', 'convert', join(model, 'fold_2', 'checkpoint_final.pth'), ...words], place());
    expect((await again()).status).toBe(0);
    await writeFile(join(folder(), 'keep.json'), '{"kind":"segmentation"}');
    const refused = await again('--out', join(folder(), 'keep.onnx'));
    expect([refused.status, refused.stderr]).toEqual([expect.any(Number), expect.stringContaining('keep.json')]);
    expect(await readFile(join(folder(), 'keep.json'), 'utf8')).toBe('{"kind":"segmentation"}');
    expect(existsSync(join(folder(), 'keep.onnx'))).toBe(false);
    expect(said.model).toMatchObject({ family: 'nnU-Net v2', folds: [2] });
  });
});
