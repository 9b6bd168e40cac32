import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { beginAttempt, countCrashes } from '../../../toolkit/cache/make.ts';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { PartialRoi } from '../../../toolkit/nnunet/sliding-window/partial-roi.ts';
import { PartialDetection } from '../../../toolkit/yolo/detect/detection-files.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const begin = (work: string) => beginAttempt(work, 'roi1', new AbortController().signal);
const SET_ASIDE = { code: 'ROI_SET_ASIDE', message: expect.stringContaining('roi1') };

/** An attempt that comes so far and then dies, as every attempt does that opens what the last one left. */
async function dieAt(work: string, row: number): Promise<void> {
  await begin(work);
  const partial = PartialRoi.open(join(work, 'partial'), { image: 'i' });
  if (partial.next.row < row) partial.commit({ row, fold: 0 }, []);
}

describe('beginAttempt', () => {
  it('sets an ROI aside after three attempts that crashed before they opened anything', async () => {
    const work = await temporaryFolder();
    for (let attempt = 0; attempt < 3; attempt++) await begin(work);
    await expect(begin(work)).rejects.toMatchObject(SET_ASIDE);
  });

  it.each([0, 2])('sets an ROI aside after three attempts that crashed at row %i', async (row) => {
    const work = await temporaryFolder();
    if (row > 0) await dieAt(work, row);
    for (let attempt = 0; attempt < 3; attempt++) await dieAt(work, row);
    await expect(begin(work)).rejects.toMatchObject(SET_ASIDE);
  });

  it('does not count attempts that advanced by a row', async () => {
    const work = await temporaryFolder();
    for (let attempt = 1; attempt < 10; attempt++) await dieAt(work, attempt);
  });

  it('does not count attempts that advanced by a tile of cells', async () => {
    const work = await temporaryFolder();
    const tile = {
      count: 0,
      corners: new Float32Array(0),
      scores: new Float32Array(0),
      classes: new Uint16Array(0),
    };
    for (let attempt = 0; attempt < 10; attempt++) {
      await begin(work);
      const partial = await PartialDetection.open(join(work, 'partial'), { image: 'i' });
      await partial.write(attempt, tile);
    }
    for (let attempt = 0; attempt < 3; attempt++) await begin(work);
    await expect(begin(work)).rejects.toMatchObject(SET_ASIDE);
  });

  it('does not count attempts that were aborted', async () => {
    const work = await temporaryFolder();
    for (let attempt = 0; attempt < 10; attempt++) {
      const stop = new AbortController();
      await beginAttempt(work, 'roi1', stop.signal);
      stop.abort();
    }
    expect(await readdir(work)).toEqual([]);
  });

  it('starts counting again after a retry', async () => {
    const work = await temporaryFolder();
    for (let attempt = 0; attempt < 3; attempt++) await begin(work);
    await expect(begin(work)).rejects.toThrow();
    await begin(work);
  });
});

describe('countCrashes', () => {
  const failing = async (code: 'IMAGE_UNREADABLE' | 'INFERENCE_FAILED', work: string) => {
    const step = { work, roi: 'roi1', signal: new AbortController().signal };
    return countCrashes(step, () => Promise.reject(new ReigniteError(code, 'so it is')));
  };

  it('reports a named error on every retry', async () => {
    const work = await temporaryFolder();
    for (let attempt = 0; attempt < 5; attempt++) {
      await expect(failing('IMAGE_UNREADABLE', work)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
    }
  });

  it('counts a failed inference, which would otherwise be retried forever', async () => {
    const work = await temporaryFolder();
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(failing('INFERENCE_FAILED', work)).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
    }
    await expect(failing('INFERENCE_FAILED', work)).rejects.toMatchObject(SET_ASIDE);
  });
});
