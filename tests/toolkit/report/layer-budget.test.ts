import { describe, expect, it } from 'vitest';
import { bytesPerRoi, EDGES, finestWithin, SHARES } from '../../../toolkit/report/layers/draw-layers.ts';

describe('the size of layers', () => {
  it('stays below 25 MB for the 887 ROIs of the paper, whatever their content', async () => {
    const limit = bytesPerRoi(887);
    const { image, mask, confidence, differ, readers, points } = SHARES;
    expect(image + 3 * mask + confidence + differ).toBeLessThanOrEqual(1);
    expect(image + readers + 3 * points).toBeLessThanOrEqual(1);
    expect(887 * limit).toBeLessThanOrEqual(25_000_000);
    // What does not compress at all: a byte per pixel of a square.
    const layer = await finestWithin(limit * image, 2_000, async (edge) => new Uint8Array(edge * edge));
    expect(layer?.length).toBeLessThanOrEqual(limit * image);
  });

  it('falls in few steps, so that an added ROI rarely causes redrawing all layers', () => {
    const limits = Array.from({ length: 1_000 }, (_, k) => bytesPerRoi(k + 1));
    for (const [k, limit] of limits.entries()) expect((k + 1) * limit).toBeLessThanOrEqual(25_000_000);
    expect(limits[0]).toBe(600_000);
    expect(new Set(limits).size).toBeLessThanOrEqual(11);
  });

  it('is spent on the finest layer that fits, never finer than the ROI', async () => {
    const encode = async (edge: number) => new Uint8Array(edge);
    expect((await finestWithin(10_000, 700, encode))?.length).toBe(700);
    expect((await finestWithin(600, 700, encode))?.length).toBe(512);
    expect((await finestWithin(10_000, 5_000, encode))?.length).toBe(EDGES[0]);
    expect(await finestWithin(10, 700, encode)).toBeUndefined();
  });
});
