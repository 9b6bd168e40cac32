import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { sha256Of } from '../../../../toolkit/files/hash-file.ts';
import { decodeLabels } from '../../../../toolkit/image/decode-labels.ts';
import { prepareTissueModel } from '../../../../toolkit/models/tissue-model.ts';
import { hashSources } from '../../../../toolkit/nnunet/convert/convert-model.ts';
import { findFolds } from '../../../../toolkit/nnunet/convert/model-folds.ts';
import { readModelCard } from '../../../../toolkit/nnunet/model-card.ts';
import { createRoiSegmenter } from '../../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { jobIn, useScratch } from '../support/scratch.ts';

/** Instance normalisation; channels by `nonCT` with a mask, `noNorm` and `CT`. See PROVENANCE.md there. */
const MODEL = fileURLToPath(new URL('../../../fixtures/nnunet/schemes', import.meta.url));
const IMAGE = join(MODEL, 'image.png');

const scratch = useScratch();
const segmenter = createRoiSegmenter({ provider: 'cpu', threads: 1 });
afterAll(() => segmenter.close());

describe('an nnU-Net v1 model with schemes for each channel', () => {
  it.each([
    ['exact', 'mask', {}],
    ['fast', 'mask', { engine: 'fast', sums: 'device', precision: 'float32' } as const],
    ['exact', 'mirrored', {}],
    ['fast', 'mirrored', { engine: 'fast', sums: 'device', precision: 'float32' } as const],
  ])('predicts the mask of nnunet, also where the image is black (%s engine, %s)', async (name, expected, engine) => {
    const options = { mirroring: expected === 'mirrored' };
    const { modelDir, nnunet, notes } = await prepareTissueModel(MODEL, scratch.path('models'), options);
    expect(nnunet?.mirrorAxes).toEqual(options.mirroring ? [0, 1] : []);
    expect(notes?.join(' ').includes('Tiles were not mirrored; nnUNet_predict mirrors')).toBe(!options.mirroring);
    const job = jobIn(scratch, name, IMAGE);
    await segmenter.segment({ ...job, modelDir, ...engine });
    expect(await decodeLabels(job.mask)).toEqual(await decodeLabels(join(MODEL, `${expected}.png`)));
  });

  it('is not found under the digest from before its norms were computed row by row', async () => {
    const folds = await findFolds(MODEL, [0], 'model_final_checkpoint');
    const { digest, plansSha256, checkpointSha256 } = await hashSources(folds, { mirroring: false });
    const lines = (head: string) => sha256Of([head, plansSha256, ...checkpointSha256].join('\n'));
    expect(digest).not.toBe(lines('nnunet-v1-2d 1 normalised 2'));
    expect(digest).toBe(lines('nnunet-v1-2d 1 normalised 2 instance norm 2'));
    const { modelDir } = await prepareTissueModel(MODEL, scratch.path('models'), { folds: [0] });
    expect(await readModelCard(modelDir)).toMatchObject({ digest, normSums: 'rows' });
  });

  it('is refused as an ONNX file that was converted before that', async () => {
    const models = scratch.path('models');
    const { modelDir } = await prepareTissueModel(MODEL, models, { folds: [0] });
    const { normSums: _, ...earlier } = await readModelCard(modelDir);
    await cp(join(modelDir, 'fold_0.onnx'), scratch.path('earlier.onnx'));
    await writeFile(scratch.path('earlier.json'), JSON.stringify(earlier));
    const message = expect.stringContaining('was converted by an earlier version');
    const refused = { code: 'SIDECAR_INVALID', message };
    await expect(prepareTissueModel(scratch.path('earlier.onnx'), models)).rejects.toMatchObject(refused);
    await writeFile(scratch.path('earlier.json'), JSON.stringify({ ...earlier, normSums: 'rows' }));
    expect(await prepareTissueModel(scratch.path('earlier.onnx'), models)).toMatchObject({ folds: [0] });
  });

  it('is mirrored under another file name, too; its ONNX file is not', async () => {
    const [model, plans] = ['model_final_checkpoint.model', 'model_final_checkpoint.model.pkl'];
    await cp(join(MODEL, 'fold_0', model), scratch.path('weights.pth'));
    await cp(join(MODEL, 'fold_0', plans), scratch.path('weights.pth.pkl'));
    const models = scratch.path('models');
    const mirrored = await prepareTissueModel(scratch.path('weights.pth'), models, { mirroring: true });
    expect(mirrored.nnunet?.mirrorAxes).toEqual([0, 1]);
    const onnx = prepareTissueModel(join(mirrored.modelDir, 'fold_0.onnx'), models, { mirroring: true });
    await expect(onnx).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('cannot be mirrored') });
  });
});
