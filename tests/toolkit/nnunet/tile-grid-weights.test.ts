import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sha256Of } from '../../../toolkit/files/hash-file.ts';
import { gaussianWeights } from '../../../toolkit/nnunet/sliding-window/tile-grid.ts';

const text = readFileSync(new URL('../../fixtures/segment/gaussians.json', import.meta.url), 'utf8');
const OF_SCIPY = z.record(z.string(), z.string()).parse(JSON.parse(text));

describe('gaussianWeights', () => {
  it.each(Object.entries(OF_SCIPY))("equals scipy's bytes for %s px", (size, digest) => {
    const [height = 0, width = 0] = size.split('x').map(Number);
    const weights = gaussianWeights(height, width);
    expect(sha256Of(new Uint8Array(weights.buffer))).toBe(digest);
  });

  it('is 1 at the centre, symmetric around it and never 0', () => {
    const weights = gaussianWeights(512, 512);
    expect(weights[256 * 512 + 256]).toBe(1);
    expect(weights[200 * 512 + 300]).toBe(weights[312 * 512 + 212]);
    expect(weights[0]).toBe(Math.fround(1.1253517584464134e-7));
    expect(weights.every((weight) => weight > 0)).toBe(true);
  });
});
