import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertDetector } from '../../../toolkit/yolo/convert/convert-detector.ts';
import {
  type CellDetector,
  createCellDetector,
  type DetectionJob,
} from '../../../toolkit/yolo/detect/cell-detector.ts';
import { suiteFolder, temporaryFolder } from '../../support/in-temporary-folder.ts';
import { fixture, SIZE } from './support/fixtures.ts';

const suite = suiteFolder();
let folder: string;
let detector: CellDetector;
beforeAll(async () => {
  folder = suite();
  await convertDetector({ checkpoint: fixture('v7.pt'), out: folder, size: SIZE });
  detector = createCellDetector({ provider: 'cpu', threads: 1 });
});
afterAll(() => detector.close());

async function jobIn(image = fixture('image.png')): Promise<DetectionJob> {
  const out = await temporaryFolder();
  return {
    ...{ modelDir: folder, image, floor: 0.05, partialDir: join(out, 'partial') },
    boxes: join(out, 'boxes.npy'),
  };
}

describe('createCellDetector', () => {
  it('detects in a separate thread and says which engine it used', async () => {
    const tiles: number[] = [];
    const onProgress = ({ phase, tile, of }: { phase: string; tile: number; of: number }) => {
      if (phase === 'detect') tiles.push(tile);
      expect(of).toBe(6);
    };
    const result = await detector.detect(await jobIn(), { onProgress });
    expect(tiles).toEqual([0, 1, 2, 3, 4, 5]);
    expect(result).toMatchObject({ provider: 'cpu', tiles: 6, resumed: 0 });
    expect(result.seen).toMatchObject({ width: 150, height: 100, tile: SIZE, floor: 0.05 });
    expect(await detector.probe({ modelDir: folder })).toMatchObject({
      provider: 'cpu',
      ortVersion: result.ortVersion,
      instructionSet: result.instructionSet,
    });
  });

  it('stops between tiles, resumes from there, and throws the reason of the signal', async () => {
    const job = await jobIn();
    const stop = new AbortController();
    const onProgress = ({ tile }: { tile: number }) => {
      if (tile === 2) stop.abort(new Error('enough'));
    };
    const stopped = detector.detect(job, { signal: stop.signal, onProgress });
    const settled = await stopped.then(
      () => 'finished',
      (error: unknown) => error,
    );
    // Six tiny tiles may be done before the flag is seen; what matters is that either way the end is the same.
    if (settled !== 'finished') {
      expect(settled).toMatchObject({ message: 'enough' });
      expect((await detector.detect(job)).resumed).toBeGreaterThan(0);
    }
    const before = detector.detect(job, { signal: AbortSignal.abort(new Error('never')) });
    await expect(before).rejects.toThrow('never');
  });

  it('passes errors on with code and remedy, and keeps working afterwards', async () => {
    const job = await jobIn();
    await expect(detector.detect({ ...job, image: '/nowhere.png' })).rejects.toMatchObject({ code: 'FILE_MISSING' });
    await expect(detector.probe({ modelDir: '/nowhere' })).rejects.toMatchObject({
      code: 'MODEL_UNREADABLE',
      remedy: expect.stringContaining('clean models'),
    });
    const image = join(await temporaryFolder(), 'image.png');
    await writeFile(image, 'no image');
    await expect(detector.detect({ ...job, image })).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
    expect((await detector.detect(job)).tiles).toBe(6);
  });

  it('answers no requests once it is closed', async () => {
    const other = createCellDetector();
    await other.close();
    await expect(other.probe({ modelDir: folder })).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
