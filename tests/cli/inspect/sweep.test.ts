import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sweepCommand } from '../../../cli/inspect/sweep.ts';
import { RESULTS } from '../../../toolkit/results/results-folder.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const ROIS = { total: 1, computed: 1, cached: 0, failed: 0 };
const { signal } = new AbortController();

async function copiedResults(): Promise<string> {
  const folder = await temporaryFolder();
  await RESULTS.summary.write(folder, {
    ...{ run: 'r', record: '1', profile: 'sample', digest: 'd', status: 'done' },
    tasks: { pdl1: { verdict: 'reproduced', rois: ROIS, failures: [], worst: [] } },
  });
  return folder;
}

describe('sweep on a results folder without its record', () => {
  const options = { task: 'pdl1', step: 0.05 } as const;
  const remedy = 'Name the folder of its record with `--data DIR`.';

  it('asks for the data folder', async () => {
    const results = await copiedResults();
    const cause = `The data folder of ${results} is not known here.`;
    await expect(sweepCommand(results, options, signal)).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: cause,
      remedy,
    });
  });

  it('names a data folder that is not there, or that is not a record', async () => {
    const results = await copiedResults();
    const data = join(results, 'data');
    const sweep = () => sweepCommand(results, { ...options, data }, signal);
    await expect(sweep()).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: `There is no data folder ${data}.`,
      remedy,
    });
    await mkdir(data);
    await expect(sweep()).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: `${join(data, 'annotations/pdl1/pdl1/pdl1_test_set_all_readers.json')} is missing.`,
      remedy,
    });
  });
});
