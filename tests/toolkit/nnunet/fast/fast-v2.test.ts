import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeLabels } from '../../../../toolkit/image/decode-labels.ts';
import { decodeChannels } from '../../../../toolkit/image/decode-pixels.ts';
import { prepareTissueModel } from '../../../../toolkit/models/tissue-model.ts';
import { createRoiSegmenter } from '../../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { jobIn, readGrey16, useScratch } from '../support/scratch.ts';

const ROOT = fileURLToPath(new URL('../../../fixtures/nnunet-v2', import.meta.url));
/** Of 65,535: confidences up to which another order of sums, or half precision, may choose the other label. */
const NEAR_TIE = { float32: 4, float16: 1500 };

const scratch = useScratch();
const segmenter = createRoiSegmenter({ provider: 'cpu', threads: 1 });
afterAll(() => segmenter.close());

const MODELS = [
  { model: 'B_resenc_zscore4', image: 'small', what: 'instance normalisation, masked z-scores', mirroring: false },
  { model: 'C_old_plans_grey', image: 'grey_small', what: 'one channel', mirroring: true },
  { model: 'D_regions_rescale', image: 'small', what: 'regions', mirroring: false },
  { model: 'D_regions_rescale', image: 'small', what: 'regions', mirroring: true },
  { model: 'E_four_channels', image: 'rgba', what: 'four channels, each normalised in its own way', mirroring: true },
] as const;
const WAYS = [
  { sums: 'host', precision: 'float32' },
  { sums: 'device', precision: 'float32' },
  { sums: 'device', precision: 'float16' },
] as const;

describe('the fast engine on nnU-Net v2', () => {
  // Mirroring follows normalisation and precedes decision, so that not every model needs both.
  it.each(MODELS)(
    'gives the labels of the exact engine except for near ties ($what, mirroring: $mirroring)',
    async ({ model, image, mirroring }) => {
      const folder = join(ROOT, 'models', model);
      const { modelDir } = await prepareTissueModel(folder, scratch.path('models'), { mirroring });
      const segment = async (name: string, more: object) => {
        const job = { ...jobIn(scratch, name, join(ROOT, 'images', `${image}_0000.png`)), modelDir, ...more };
        await segmenter.segment(job);
        return { mask: (await decodeLabels(job.mask)).data, confidence: await readGrey16(job.confidence) };
      };
      const exact = await segment('exact', {});
      for (const { sums, precision } of WAYS) {
        const fast = await segment(`${sums}-${precision}`, { engine: 'fast', sums, precision });
        const most = NEAR_TIE[precision];
        for (const [at, label] of exact.mask.entries()) {
          if (fast.mask[at] !== label) expect(exact.confidence[at]).toBeLessThanOrEqual(most);
        }
        const farthest = exact.confidence.reduce(
          (sofar, value, at) => Math.max(sofar, Math.abs(value - (fast.confidence[at] ?? 0))),
          0,
        );
        expect(farthest).toBeLessThanOrEqual(most);
      }
    },
  );
});

describe('the fast engine on a model of four channels, of which only those with z-scores are masked', () => {
  // Black at the top left; in the last rows only the last channel is not.
  const image = async () => {
    const { data, width, height } = await decodeChannels(join(ROOT, 'images', 'rgba_0000.png'), 4);
    for (let at = 0; at < data.length; at++) {
      const [x, y] = [Math.floor(at / 4) % width, Math.floor(at / 4 / width)];
      if ((x < 20 && y < 15) || (y > height - 9 && at % 4 < 3)) data[at] = 0;
    }
    const path = scratch.path('framed_0000.png');
    await sharp(data, { raw: { width, height, channels: 4 } })
      .png()
      .toFile(path);
    return path;
  };

  it('gives the labels of the exact engine', async () => {
    const folder = join(ROOT, 'models', 'E_four_channels');
    const { modelDir } = await prepareTissueModel(folder, scratch.path('models'));
    const path = await image();
    const segment = async (name: string, more: object) => {
      const job = { ...jobIn(scratch, name, path), modelDir, ...more };
      await segmenter.segment(job);
      return readGrey16(job.confidence);
    };
    const exact = await segment('exact', {});
    for (const way of WAYS) {
      const name = `${way.sums}-${way.precision}`;
      const fast = await segment(name, { engine: 'fast', ...way });
      const farthest = exact.reduce((sofar, value, at) => Math.max(sofar, Math.abs(value - (fast[at] ?? 0))), 0);
      expect(farthest, name).toBeLessThanOrEqual(NEAR_TIE[way.precision]);
    }
  });
});
