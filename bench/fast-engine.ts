/**
 * The fast engine against the exact one, in turns (A B A B ...): one ROI from image file to mask file, networks of random
 * weights.
 *
 *     tsx bench/fast-engine.ts [--size 1024x768] [--small] [--pairs 3] [--threads N] [--provider cpu]
 *       [--precision auto|float32|float16] [--sums host|device] [--batch TILES]
 *
 * Both keep what they have open between their runs. Prints medians, their ratio, and how many pixels of the masks differ.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { PAPER_SIZE, SMALL, writeRandomUnet } from '../scripts/gpu/random-unet.ts';
import { decodeLabels } from '../toolkit/image/decode-labels.ts';
import { createRoiSegmenter, type EnsembleOptions } from '../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { PRECISIONS, PROVIDERS } from '../toolkit/onnx/session/engine-choice.ts';
import { inNode, paired } from './paired.ts';
import { parseSize, prepareImage, WORK_FOLDER } from './segment-roi-setup.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '1024x768' },
    small: { type: 'boolean', default: false },
    pairs: { type: 'string', default: '3' },
    threads: { type: 'string', default: '0' },
    provider: { type: 'string', default: 'cpu' },
    precision: { type: 'string', default: 'auto' },
    sums: { type: 'string' },
    batch: { type: 'string', default: '0' },
  },
});

const [width, height] = parseSize(values.size);
const net = values.small ? SMALL : PAPER_SIZE;
const shared = { provider: z.enum(PROVIDERS).parse(values.provider), threads: Number(values.threads) };
const exact = createRoiSegmenter(shared);
const sums = z.enum(['host', 'device']).optional().parse(values.sums);
const how: EnsembleOptions = {
  ...shared,
  engine: 'fast',
  precision: z.enum(['auto', ...PRECISIONS]).parse(values.precision),
  batchSize: Number(values.batch),
  ...(sums !== undefined && { sums }),
};
const fast = createRoiSegmenter(how);

await mkdir(WORK_FOLDER, { recursive: true });
const modelDir = await writeRandomUnet(join(WORK_FOLDER, values.small ? 'random-small' : 'random-paper'), net);
const image = await prepareImage(width, height);

function contender(name: string, segmenter: typeof exact) {
  const outputs = { mask: join(WORK_FOLDER, `${name}.png`), confidence: join(WORK_FOLDER, `${name}.margin.png`) };
  return inNode(name, async () => {
    const job = {
      ...outputs,
      image,
      modelDir,
      partialDir: join(WORK_FOLDER, `${name}.partial`),
      scope: 'full',
    } as const;
    await segmenter.segment(job);
  });
}

try {
  const { medians, ratios } = await paired(contender('fast', fast), [contender('exact', exact)], Number(values.pairs));
  const [ours, theirs] = [
    await decodeLabels(join(WORK_FOLDER, 'fast.png')),
    await decodeLabels(join(WORK_FOLDER, 'exact.png')),
  ];
  const differing = ours.data.reduce((count, label, at) => count + Number(label !== theirs.data[at]), 0);
  console.log(JSON.stringify({ medians, ratios, differing, pixels: ours.data.length }));
} finally {
  await exact.close();
  await fast.close();
}
