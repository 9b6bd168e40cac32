import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { ModelMethod } from '../../../../toolkit/nnunet/model-card.ts';
import { segmentRoi } from '../../../../toolkit/nnunet/sliding-window/segment-roi.ts';
import { noise } from '../../../support/random-numbers.ts';
import { fakeNetworks } from '../support/fake-networks.ts';
import { jobIn, useScratch, writeRgb } from '../support/scratch.ts';

const scratch = useScratch();
const IDENTITY = { model: 'fake' };
const CHANNEL = { scheme: 'ZScore', masked: true } as const;
const METHODS: readonly ModelMethod[] = [
  { window: 'v2', normalisation: [CHANNEL, CHANNEL, CHANNEL], decision: { kind: 'logits' } },
  { window: 'v2', normalisation: [CHANNEL, CHANNEL, CHANNEL], decision: { kind: 'regions', values: [1, 3, 2] } },
];

/** Noise with a black frame, and a black hole in it. */
async function framedNoise(width: number, height: number): Promise<string> {
  const rgb = noise(width * height * 3, 9).map((value, at) => {
    const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
    const isFrame = x < 3 || y < 5 || x >= width - 2 || y >= height - 4;
    const isHole = x > 20 && x < 30 && y > 20 && y < 25;
    return isFrame || isHole ? 0 : Math.max(1, value);
  });
  return writeRgb(scratch.path('framed.png'), width, height, rgb);
}

describe('the sliding window of nnU-Net v2', () => {
  it.each(METHODS)('resumes after any tile with the same bits ($decision.kind)', async (method) => {
    const image = await framedNoise(60, 50);
    const networks = fakeNetworks({ height: 16, width: 16 }, 3, 2, method);
    const whole = jobIn(scratch, 'whole', image);
    await segmentRoi(whole, networks, IDENTITY);
    const killed = jobIn(scratch, 'killed', image);
    let attempts = 0;
    for (let isDone = false; !isDone; attempts++) {
      let left = 11;
      const throwIfAborted = () => {
        if (left-- <= 0) throw new Error('killed');
      };
      isDone = await segmentRoi(killed, networks, IDENTITY, { signal: { throwIfAborted } }).then(
        () => true,
        (error: unknown) => {
          if (error instanceof Error && error.message === 'killed') return false;
          throw error;
        },
      );
    }
    expect(attempts).toBeGreaterThan(3);
    for (const file of ['mask', 'confidence'] as const) {
      expect((await readFile(killed[file])).equals(await readFile(whole[file]))).toBe(true);
    }
  });

  it('gives every pixel of the cropped black border label 0, also over several tile rows', async () => {
    const image = await framedNoise(60, 50);
    const [method] = METHODS;
    const job = jobIn(scratch, 'a', image);
    expect(await segmentRoi(job, fakeNetworks({ height: 16, width: 16 }, 3, 2, method), IDENTITY)).toMatchObject({
      width: 60,
      height: 50,
    });
  });
});
