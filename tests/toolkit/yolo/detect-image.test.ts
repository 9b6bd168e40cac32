import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNpy } from '../../../toolkit/numpy/npy.ts';
import { convertDetector } from '../../../toolkit/yolo/convert/convert-detector.ts';
import { readCandidatesFile } from '../../../toolkit/yolo/detect/candidates-file.ts';
import type { DetectorModel } from '../../../toolkit/yolo/detect/detect-image.ts';
import { detectImage } from '../../../toolkit/yolo/detect/detect-image.ts';
import type { DetectionJob } from '../../../toolkit/yolo/detect/detection-job.ts';
import { OrtDetector } from '../../../toolkit/yolo/detect/ort-detector.ts';
import { roundedCoordinate } from '../../../toolkit/yolo/detect/points.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { fixture, floatsOf, SIZE } from './support/fixtures.ts';

let folder: string;
let detector: OrtDetector;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reignite-detector-'));
  await convertDetector({ checkpoint: fixture('v7.pt'), out: folder, size: SIZE });
  detector = await OrtDetector.load(folder, { provider: 'cpu', threads: 1 });
});
afterAll(async () => {
  await detector.release();
  await rm(folder, { recursive: true });
});

const IDENTITY = { model: 'one' };

async function jobIn(changes: Partial<DetectionJob> = {}): Promise<DetectionJob> {
  const out = await temporaryFolder();
  return {
    modelDir: folder,
    image: fixture('image.png'),
    confidence: 0.5,
    iou: 0.5,
    partialDir: join(out, 'partial'),
    points: join(out, 'points.npy'),
    candidates: join(out, 'candidates.json'),
    ...changes,
  };
}

async function rowsOf(path: string): Promise<number[][]> {
  const { shape, data } = await readNpy(path);
  return Array.from({ length: shape[0] ?? 0 }, (_, row) => Array.from(data.slice(3 * row, 3 * row + 3), Number));
}

/** Throws in the place of a kill when it was asked that often. */
function stopAfter(tiles: number): { throwIfAborted(): void } {
  let asked = 0;
  return {
    throwIfAborted() {
      if (asked++ > tiles) throw new Error('killed');
    },
  };
}

describe('detectImage', () => {
  it('finds the points that PyTorch and torchvision find, tile by tile, best first', async () => {
    const job = await jobIn();
    const result = await detectImage(job, detector, IDENTITY);
    const expected = await floatsOf('points.npy');
    const rows = await rowsOf(job.points);
    expect(rows).toHaveLength(expected.length / 4);
    expect(result).toMatchObject({ width: 150, height: 100, tiles: 6, resumed: 0, points: rows.length });
    for (const [index, [x = Number.NaN, y = Number.NaN, label]] of rows.entries()) {
      expect(Math.abs(x - roundedCoordinate(expected[4 * index] ?? 0))).toBeLessThanOrEqual(0.011);
      expect(Math.abs(y - roundedCoordinate(expected[4 * index + 1] ?? 0))).toBeLessThanOrEqual(0.011);
      expect(label).toBe(expected[4 * index + 2]);
    }
  });

  it('says that it padded the image', async () => {
    const { notes } = await detectImage(await jobIn(), detector, IDENTITY);
    expect(notes).toEqual(['padded with black on the right and below to 192 x 128 px']);
    const whole = await detectImage(await jobIn({ image: fixture('tile.png') }), detector, IDENTITY);
    expect(whole.notes).toEqual([]);
  });

  it('explains every point and every candidate that is none', async () => {
    const job = await jobIn({ box: [30, 30, 120, 90] });
    const result = await detectImage(job, detector, IDENTITY);
    const file = await readCandidatesFile(job.candidates);
    const points = file.candidates.filter((row) => row[7] === 'point');
    const rows = await rowsOf(job.points);
    expect(points).toHaveLength(result.points);
    expect(file.candidates).toHaveLength(result.candidates);
    for (const [index, [, label, score, x1, y1, x2, y2]] of points.entries()) {
      const [x = Number.NaN, y = Number.NaN, ofRow] = rows[index] ?? [];
      expect(label).toBe(ofRow);
      expect(score).toBeGreaterThan(0.5);
      expect(Math.abs((x1 + x2) / 2 - x)).toBeLessThan(0.02);
      expect(Math.abs((y1 + y2) / 2 - y)).toBeLessThan(0.02);
      expect(x >= 30 && x <= 120 && y >= 30 && y <= 90).toBe(true);
    }
    const outcomes = new Set(file.candidates.map((row) => typeof row[7]));
    expect(outcomes).toEqual(new Set(['string', 'number']));
    for (const [tile, , score, , , , , outcome] of file.candidates) {
      if (outcome === 'confidence') expect(score).toBeLessThanOrEqual(0.5);
      else expect(score).toBeGreaterThan(0.5);
      if (typeof outcome !== 'number') continue;
      const better = file.candidates[outcome];
      expect(better?.[0]).toBe(tile);
      expect(better?.[2]).toBeGreaterThanOrEqual(score);
      expect(['point', 'box']).toContain(better?.[7]);
    }
    expect(file).toMatchObject({ model: detector.digest, tile: SIZE, recorded: 0.25, box: [30, 30, 120, 90] });
  });

  it('writes no file for an image without points, and removes an old one', async () => {
    const job = await jobIn({ box: [-2, -2, -1, -1] });
    await writeFile(job.points, 'old');
    expect((await detectImage(job, detector, IDENTITY)).points).toBe(0);
    await expect(access(job.points)).rejects.toThrow('ENOENT');
    expect((await readCandidatesFile(job.candidates)).candidates.length).toBeGreaterThan(0);
  });

  it.each([0, 1, 3, 5])('resumes after %i finished tiles with the same bytes', async (tiles) => {
    const whole = await jobIn();
    await detectImage(whole, detector, IDENTITY);
    const job = await jobIn();
    await expect(detectImage(job, detector, IDENTITY, { signal: stopAfter(tiles) })).rejects.toThrow('killed');
    await expect(access(job.points)).rejects.toThrow('ENOENT');
    expect(await readdir(job.partialDir)).toHaveLength(tiles);
    expect((await detectImage(job, detector, IDENTITY)).resumed).toBe(tiles);
    expect(await readFile(job.points)).toEqual(await readFile(whole.points));
    expect(await readFile(job.candidates)).toEqual(await readFile(whole.candidates));
    await expect(access(job.partialDir)).rejects.toThrow('ENOENT');
  });

  it('takes nothing over from another identity', async () => {
    const job = await jobIn();
    await expect(detectImage(job, detector, IDENTITY, { signal: stopAfter(4) })).rejects.toThrow('killed');
    expect((await detectImage(job, detector, { model: 'two' })).resumed).toBe(0);
  });

  it('takes nothing over from a damaged file', async () => {
    const job = await jobIn();
    await expect(detectImage(job, detector, IDENTITY, { signal: stopAfter(4) })).rejects.toThrow('killed');
    const bytes = await readFile(join(job.partialDir, 'tile-2.bin'));
    bytes[bytes.length - 5] = (bytes.at(-5) ?? 0) ^ 1;
    await writeFile(join(job.partialDir, 'tile-2.bin'), bytes);
    await writeFile(join(job.partialDir, 'tile-3.bin'), bytes.subarray(0, 20));
    expect((await detectImage(job, detector, IDENTITY)).resumed).toBe(2);
  });

  it('deletes nothing of others in the folder of partial results', async () => {
    const job = await jobIn();
    await mkdir(job.partialDir);
    await writeFile(join(job.partialDir, 'notes.txt'), 'mine');
    await detectImage(job, detector, IDENTITY);
    expect(await readdir(job.partialDir)).toEqual(['notes.txt']);
  });

  it('refuses boxes that are not finite', async () => {
    const broken: DetectorModel = {
      ...{ digest: detector.digest, size: SIZE, rows: 1, classes: ['a'] },
      run: async (_, head) => head.set([Number.POSITIVE_INFINITY, 0, 1, 1, 1, 1]),
    };
    await expect(detectImage(await jobIn(), broken, IDENTITY)).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
  });
});
