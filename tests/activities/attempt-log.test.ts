import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { beginAttempt } from '../../activities/attempt-log.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';

const begin = (work: string) => beginAttempt(work, 'roi1', new AbortController().signal);

describe('beginAttempt', () => {
  it('sets an ROI aside after three attempts that died at the same place', async () => {
    const work = await temporaryFolder();
    for (let attempt = 0; attempt < 3; attempt++) await begin(work);
    await expect(begin(work)).rejects.toMatchObject({
      code: 'ROI_SET_ASIDE',
      message: expect.stringContaining('roi1'),
    });
  });

  it('does not count attempts that advanced', async () => {
    const work = await temporaryFolder();
    await mkdir(join(work, 'partial'));
    for (let attempt = 0; attempt < 10; attempt++) {
      await begin(work);
      await writeFile(join(work, 'partial', 'state.json'), String(attempt));
    }
  });

  it('does not count attempts that were told to stop', async () => {
    const work = await temporaryFolder();
    for (let attempt = 0; attempt < 10; attempt++) {
      const stop = new AbortController();
      await beginAttempt(work, 'roi1', stop.signal);
      stop.abort();
    }
    expect(await readdir(work)).toEqual([]);
  });

  it('begins to count anew when somebody tries again', async () => {
    const work = await temporaryFolder();
    for (let attempt = 0; attempt < 3; attempt++) await begin(work);
    await expect(begin(work)).rejects.toThrow();
    await begin(work);
  });
});
