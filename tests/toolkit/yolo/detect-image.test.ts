import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNpy } from '../../../toolkit/numpy.ts';
import { convertDetector } from '../../../toolkit/yolo/convert/convert-detector.ts';
import { roundedCoordinate } from '../../../toolkit/yolo/detect/candidates.ts';
import type { DetectionJob } from '../../../toolkit/yolo/detect/cell-detector.ts';
import { detectImage } from '../../../toolkit/yolo/detect/detect-image.ts';
import type { DetectorModel } from '../../../toolkit/yolo/detect/detect-tiles.ts';
import { readBoxes, readCandidatesFile } from '../../../toolkit/yolo/detect/detection-files.ts';
import { type EngineDetector, openDetector } from '../../../toolkit/yolo/detect/open-detector.ts';
import {
  type SelectionOptions,
  selectDetections,
  writeDetections,
} from '../../../toolkit/yolo/detect/select-detections.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { fixture, floatsOf, SIZE } from './support/fixtures.ts';

let folder: string;
let detector: EngineDetector;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reignite-detector-'));
  await convertDetector({ checkpoint: fixture('v7.pt'), out: folder, size: SIZE });
  detector = await openDetector(folder, { provider: 'cpu', threads: 1 });
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
    floor: 0.05,
    partialDir: join(out, 'partial'),
    boxes: join(out, 'boxes.npy'),
    ...changes,
  };
}

/** Detects, and decides what are points. */
async function detectAndJudge(changes: Partial<DetectionJob & SelectionOptions> = {}) {
  const { confidence = 0.5, iou = 0.5, box, ...files } = changes;
  const job = await jobIn(files);
  const result = await detectImage(job, detector, IDENTITY);
  const boxes = await readBoxes(job.boxes, result.seen);
  return { result, ...(await selectDetections(boxes, { confidence, iou, ...(box && { box }) })) };
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
    const { result, ...judged } = await detectAndJudge();
    const points = join(await temporaryFolder(), 'points.npy');
    await writeDetections(judged, { points, candidates: join(await temporaryFolder(), 'candidates.json') });
    const expected = await floatsOf('points.npy');
    const rows = await rowsOf(points);
    expect(rows).toHaveLength(expected.length / 4);
    expect(result).toMatchObject({ seen: { width: 150, height: 100 }, tiles: 6, resumed: 0 });
    for (const [index, [x = Number.NaN, y = Number.NaN, label]] of rows.entries()) {
      expect(Math.abs(x - roundedCoordinate(expected[4 * index] ?? 0))).toBeLessThanOrEqual(0.011);
      expect(Math.abs(y - roundedCoordinate(expected[4 * index + 1] ?? 0))).toBeLessThanOrEqual(0.011);
      expect(label).toBe(expected[4 * index + 2]);
    }
  });

  it('reports that it padded the image', async () => {
    const { notes } = await detectImage(await jobIn(), detector, IDENTITY);
    expect(notes).toEqual(['padded with black on the right and below to 192 x 128 px']);
    const whole = await detectImage(await jobIn({ image: fixture('tile.png') }), detector, IDENTITY);
    expect(whole.notes).toEqual([]);
  });

  it('explains every point and every candidate that is not a point', async () => {
    const { points, file } = await detectAndJudge({ box: [30, 30, 120, 90] });
    const chosen = file.candidates.filter(({ outcome }) => outcome === 'point');
    expect(chosen).toHaveLength(points.length);
    for (const [index, { class: label, score, x1, y1, x2, y2 }] of chosen.entries()) {
      const { x, y, label: ofPoint } = points[index] ?? { x: Number.NaN, y: Number.NaN, label: -1 };
      expect(label).toBe(ofPoint);
      expect(score).toBeGreaterThan(0.5);
      expect(Math.abs((x1 + x2) / 2 - x)).toBeLessThan(0.02);
      expect(Math.abs((y1 + y2) / 2 - y)).toBeLessThan(0.02);
      expect(x >= 30 && x <= 120 && y >= 30 && y <= 90).toBe(true);
    }
    const outcomes = new Set(file.candidates.map(({ outcome }) => outcome));
    expect(outcomes).toEqual(new Set(['point', 'confidence', 'suppressed', 'box']));
    for (const { tile, score, outcome, suppressedBy } of file.candidates) {
      expect(score).toBeGreaterThan(0.25);
      if (outcome === 'confidence') expect(score).toBeLessThanOrEqual(0.5);
      else expect(score).toBeGreaterThan(0.5);
      expect(suppressedBy === undefined).toBe(outcome !== 'suppressed');
      if (suppressedBy === undefined) continue;
      const better = file.candidates[suppressedBy];
      expect(better?.tile).toBe(tile);
      expect(better?.score).toBeGreaterThanOrEqual(score);
      expect(['point', 'box']).toContain(better?.outcome);
    }
    expect(file).toMatchObject({ model: detector.digest, tile: SIZE, recorded: 0.25, box: [30, 30, 120, 90] });
  });

  it('writes no file for an image without points, and removes an old one', async () => {
    const judged = await detectAndJudge({ box: [-2, -2, -1, -1] });
    const out = await temporaryFolder();
    const files = { points: join(out, 'points.npy'), candidates: join(out, 'candidates.json') };
    await writeFile(files.points, 'old');
    await writeDetections(judged, files);
    await expect(access(files.points)).rejects.toThrow('ENOENT');
    expect((await readCandidatesFile(files.candidates)).candidates.length).toBeGreaterThan(0);
  });

  it.each([0.05, 0.2, 0.4, 0.7])(
    'stores boxes from which confidence %d gives what the network gives',
    async (level) => {
      for (const iou of [0.3, 0.6]) {
        const direct = await detectAndJudge({ floor: level, confidence: level, iou });
        const kept = await detectAndJudge({ confidence: level, iou });
        expect(kept.points).toEqual(direct.points);
        if (level <= 0.25) expect(kept.file).toEqual(direct.file);
      }
    },
  );

  it('rejects a confidence below that of the stored boxes', async () => {
    await expect(detectAndJudge({ confidence: 0.04 })).rejects.toThrow('Expected boxes down to 0.04');
  });

  it.each([0, 1, 3, 5])('resumes after %i finished tiles with the same bytes', async (tiles) => {
    const whole = await jobIn();
    await detectImage(whole, detector, IDENTITY);
    const job = await jobIn();
    await expect(detectImage(job, detector, IDENTITY, { signal: stopAfter(tiles) })).rejects.toThrow('killed');
    await expect(access(job.boxes)).rejects.toThrow('ENOENT');
    expect(await readdir(job.partialDir)).toHaveLength(tiles);
    expect((await detectImage(job, detector, IDENTITY)).resumed).toBe(tiles);
    expect(await readFile(job.boxes)).toEqual(await readFile(whole.boxes));
    await expect(access(job.partialDir)).rejects.toThrow('ENOENT');
  });

  it('does not reuse results of another identity', async () => {
    const job = await jobIn();
    await expect(detectImage(job, detector, IDENTITY, { signal: stopAfter(4) })).rejects.toThrow('killed');
    expect((await detectImage(job, detector, { model: 'two' })).resumed).toBe(0);
  });

  it('does not reuse results from a damaged file', async () => {
    const job = await jobIn();
    await expect(detectImage(job, detector, IDENTITY, { signal: stopAfter(4) })).rejects.toThrow('killed');
    const bytes = await readFile(join(job.partialDir, 'tile-2.bin'));
    bytes[bytes.length - 5] = (bytes.at(-5) ?? 0) ^ 1;
    await writeFile(join(job.partialDir, 'tile-2.bin'), bytes);
    await writeFile(join(job.partialDir, 'tile-3.bin'), bytes.subarray(0, 20));
    expect((await detectImage(job, detector, IDENTITY)).resumed).toBe(2);
  });

  it('keeps unknown files in the folder of partial results', async () => {
    const job = await jobIn();
    await mkdir(job.partialDir);
    await writeFile(join(job.partialDir, 'notes.txt'), 'mine');
    await detectImage(job, detector, IDENTITY);
    expect(await readdir(job.partialDir)).toEqual(['notes.txt']);
  });

  it('rejects boxes that are not finite', async () => {
    const broken: DetectorModel = {
      ...{ digest: detector.digest, size: SIZE, rows: 1, classes: ['a'] },
      run: async (_, head) => head.set([Number.POSITIVE_INFINITY, 0, 1, 1, 1, 1]),
    };
    await expect(detectImage(await jobIn(), broken, IDENTITY)).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
  });
});
