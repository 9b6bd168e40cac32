import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeLabels } from '../../../../toolkit/image/decode-labels.ts';
import { prepareTissueModel } from '../../../../toolkit/models/tissue-model.ts';
import { readModelCard } from '../../../../toolkit/nnunet/model-card.ts';
import { OrtFoldNetworks } from '../../../../toolkit/nnunet/networks/ort-fold-networks.ts';
import { createRoiSegmenter } from '../../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { encodeModel, readModel } from '../../../../toolkit/onnx/file/model-file.ts';
import type { OnnxGraph } from '../../../../toolkit/onnx/graph/graph.ts';
import { withNormsByRows } from '../../../../toolkit/onnx/graph/normalisation.ts';
import { createSession } from '../../../../toolkit/onnx/session/session.ts';
import { suiteFolder } from '../../../support/in-temporary-folder.ts';
import { noise } from '../../../support/random-numbers.ts';
import { jobIn, readGrey16, useScratch } from '../support/scratch.ts';
import { compareWithOracle, withSumsInFloat32 } from '../support/v2-oracle.ts';

const ROOT = fileURLToPath(new URL('../../../fixtures/nnunet-v2', import.meta.url));
const RESIDUAL = join(ROOT, 'models/B_resenc_zscore4/nnUNetTrainer__nnUNetResEncUNetMPlans__2d');

const scratch = useScratch();
const suite = suiteFolder();
/** Of all tests: a model is converted once, and the segmenter keeps its networks open. */
const models = () => join(suite(), 'models');
const segmenter = createRoiSegmenter({ provider: 'cpu', threads: 1 });
afterAll(() => segmenter.close());

describe("nnU-Net v2 models, against nnunetv2's own masks", () => {
  it.each([
    ['B_resenc_zscore4', 'small', 1],
    ['C_old_plans_grey', 'grey_small', 1],
    ['D_regions_rescale', 'small', 1],
    ['E_four_channels', 'rgba', 0],
    ['F_two_channels', 'two', 0],
  ])('predicts %s as nnunetv2 does with sums in float32, except for near ties', async (model, image, nearTies) => {
    const found = await compareWithOracle({ root: ROOT, model, image }, scratch.path('.'), segmenter);
    expect(found.fromFloat32).toBeLessThanOrEqual(nearTies);
    const listed = JSON.parse(await readFile(join(ROOT, 'expected', model, `${image}.float32.json`), 'utf8'));
    expect(found.fromMask).toBeLessThanOrEqual(listed.length + nearTies);
  });

  it.each([
    ['all', [true, true, true], 1],
    ['one', [true, false, false], 0],
  ])('keeps black pixels at 0 in the channels of a mask (%s), except for near ties', async (name, masked, nearTies) => {
    const folder = scratch.path('model', 'nnUNetTrainer__nnUNetResEncUNetMPlans__2d');
    await cp(RESIDUAL, folder, { recursive: true });
    const plans = JSON.parse(await readFile(join(folder, 'plans.json'), 'utf8'));
    plans.configurations['2d'].use_mask_for_norm = masked;
    await writeFile(join(folder, 'plans.json'), JSON.stringify(plans));
    const { modelDir } = await prepareTissueModel(folder, models());
    const job = jobIn(scratch, name, join(ROOT, 'images/holes_0000.png'));
    await segmenter.segment({ ...job, modelDir });
    const expected = await withSumsInFloat32(join(ROOT, 'expected/masked'), name);
    const { data } = await decodeLabels(job.mask);
    expect(data.filter((label, at) => label !== expected[at]).length).toBeLessThanOrEqual(nearTies);
  });

  it('crops black rows and columns first: a frame changes no pixel inside and gets label 0', async () => {
    const image = join(ROOT, 'images/small_0000.png');
    const frame = { top: 7, bottom: 300, left: 12, right: 5, background: 'black' };
    const framed = scratch.path('framed.png');
    await sharp(image).extend(frame).toFile(framed);
    const { modelDir } = await prepareTissueModel(RESIDUAL, models());
    const [plain, wide] = [jobIn(scratch, 'plain', image), jobIn(scratch, 'wide', framed)];
    await segmenter.segment({ ...plain, modelDir });
    expect(await segmenter.segment({ ...wide, modelDir })).toMatchObject({ width: 218, height: 490, tiles: 1 });
    const all = (await decodeLabels(wide.mask)).data;
    const isInside = (at: number) => at % 218 >= 12 && at % 218 < 213 && at >= 7 * 218 && at < 190 * 218;
    const inside = all.filter((_, at) => isInside(at));
    expect(inside).toEqual((await decodeLabels(plain.mask)).data);
    const outside = all.filter((_, at) => !isInside(at));
    expect(new Set(outside)).toEqual(new Set([0]));
    expect((await readGrey16(wide.confidence))[0]).toBe(65535);
  });

  it('does not crop a black image', async () => {
    const image = scratch.path('black.png');
    await sharp({ create: { width: 40, height: 30, channels: 3, background: 'black' } })
      .png()
      .toFile(image);
    const { modelDir } = await prepareTissueModel(RESIDUAL, models());
    const job = jobIn(scratch, 'black', image);
    await segmenter.segment({ ...job, modelDir });
    expect(await decodeLabels(job.mask)).toMatchObject({ width: 40, height: 30 });
  });

  it('predicts mirrored tiles only on request, as a different model', async () => {
    const plain = await prepareTissueModel(RESIDUAL, models());
    const mirrored = await prepareTissueModel(RESIDUAL, models(), { mirroring: true });
    expect([plain.nnunet?.mirrorAxes, mirrored.nnunet?.mirrorAxes]).toEqual([[], [0, 1]]);
    expect(mirrored.digest).not.toBe(plain.digest);
    const options = { provider: 'cpu', threads: 1 } as const;
    const [once, fourTimes] = [
      new OrtFoldNetworks(plain.modelDir, await readModelCard(plain.modelDir), options),
      new OrtFoldNetworks(mirrored.modelDir, await readModelCard(mirrored.modelDir), options),
    ];
    const { height, width } = once.patch;
    const input = Float32Array.from(noise(3 * height * width, 4), (value) => value / 64 - 2);
    const output = new Float32Array(once.classes * height * width);
    const mean = new Float64Array(output.length);
    for (const [rows, columns] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ]) {
      const place = (at: number) => {
        const [y, x] = [Math.floor(at / width), at % width];
        return (rows ? height - 1 - y : y) * width + (columns ? width - 1 - x : x);
      };
      const plane = height * width;
      const turned = input.map((_, at) => input[at - (at % plane) + place(at % plane)] ?? 0);
      await once.run(0, turned, output);
      mean.forEach((sum, at) => {
        const pixel = Math.floor(at / once.classes);
        mean[at] = sum + (output[place(pixel) * once.classes + (at % once.classes)] ?? 0) / 4;
      });
    }
    await fourTimes.run(0, input, output);
    await Promise.all([once.release(), fourTimes.release()]);
    const furthest = output.reduce((most, value, at) => Math.max(most, Math.abs(value - (mean[at] ?? 0))), 0);
    expect(furthest).toBeLessThan(1e-5);
  });

  it('computes the means of instance normalisation row by row on CPUs', async () => {
    const grey = join(ROOT, 'models/C_old_plans_grey/nnUNetTrainer__nnUNetPlans__2d');
    const { modelDir } = await prepareTissueModel(grey, models(), { folds: [1] });
    const card = await readModelCard(modelDir);
    const networks = new OrtFoldNetworks(modelDir, card, { provider: 'cpu', threads: 1 });
    const [height, width] = card.patch;
    const input = Float32Array.from(noise(height * width, 4), (value) => value / 64 - 2);
    const output = new Float32Array(card.classes * height * width);
    await networks.run(0, input, output);
    await networks.release();
    const converted = readModel(join(modelDir, 'fold_1.onnx'));
    const logitsOf = async (graph: OnnxGraph) => {
      const session = await createSession(await encodeModel(graph), 'cpu', 1);
      const { logits } = await session.run({ image: new Tensor('float32', input, [1, 1, height, width]) });
      await session.release();
      return logits?.data;
    };
    expect(await logitsOf(withNormsByRows(converted))).toEqual(output);
    expect(await logitsOf(converted)).not.toEqual(output);
  });

  it('rejects colours for a grey model, by name', async () => {
    const grey = join(ROOT, 'models/C_old_plans_grey/nnUNetTrainer__nnUNetPlans__2d');
    const { modelDir } = await prepareTissueModel(grey, models());
    const job = jobIn(scratch, 'colours', join(ROOT, 'images/small_0000.png'));
    await expect(segmenter.segment({ ...job, modelDir })).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringContaining('one grey channel'),
    });
  });

  it.each([
    ['E_four_channels', 'small', 'has 3 channels (RGB), but the model needs 4', /4 samples per pixel/],
    ['E_four_channels', 'two', 'has 2 channels (grey and alpha), but the model needs 4', /an RGB PNG whose alpha/],
    ['F_two_channels', 'grey_small', 'has 1 channel (grey), but the model needs 2', /a grey PNG whose alpha/],
    ['F_two_channels', 'rgba', 'has 4 channels (RGB and alpha), but the model needs 2', /2 samples per pixel/],
  ])('rejects for %s an image with another number of channels: %s', async (name, image, message, remedy) => {
    const folder = join(ROOT, 'models', name);
    const { modelDir, channels } = await prepareTissueModel(folder, models());
    expect(channels).toBe(name === 'E_four_channels' ? 4 : 2);
    const job = jobIn(scratch, 'others', join(ROOT, `images/${image}_0000.png`));
    await expect(segmenter.segment({ ...job, modelDir })).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringContaining(message),
      remedy: expect.stringMatching(remedy),
    });
  });

  it('lists labels, folds and remarks', async () => {
    const regions = join(ROOT, 'models/D_regions_rescale');
    const model = await prepareTissueModel(regions, models());
    expect(model).toMatchObject({ folds: [0, 2], classes: 4, nnunet: { version: 2, plans: 'nnUNetPlans 2d' } });
    expect(model.labels?.map(({ name }) => name)).toEqual(['background', 'whole', 'core', 'active']);
    expect(model.notes?.join(' ')).toMatch(/has no fold 1.*float32.*--mirroring/);
    await expect(prepareTissueModel(regions, models(), { folds: [1] })).rejects.toMatchObject({
      code: 'FOLD_MISSING',
    });
  });
});
