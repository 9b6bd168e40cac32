import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { reportCommand, verifyCommand } from '../../../cli/inspect/report.ts';
import { RESULTS } from '../../../toolkit/results/results-folder.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

it.each([
  ['report', reportCommand],
  ['verify', verifyCommand],
])('%s refuses an open run, and writes nothing', async (_, command) => {
  const results = await temporaryFolder();
  const summary = { run: 'r/1', record: '7', profile: 'p', digest: 'd', status: 'running', tasks: {} } as const;
  await RESULTS.summary.write(results, summary);
  await expect(command(results, {}, new AbortController().signal)).rejects.toMatchObject({
    code: 'RUN_OPEN',
    message: expect.stringContaining('r/1'),
    remedy: expect.stringContaining('run the same command again'),
  });
  expect(await readdir(results)).toEqual(['summary.json']);
});
