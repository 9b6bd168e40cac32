import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lossWarning, reportCommand, verifyCommand } from '../../../cli/inspect/report.ts';
import { expectResults } from '../../../cli/inspect/run-folders.ts';
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

it('report warns of files that were lost or changed since the last manifest', () => {
  expect(lossWarning([])).toBeUndefined();
  const findings = [
    { path: 'metrics/he.json', kind: 'missing' },
    { path: 'trace.jsonl', kind: 'changed' },
  ] as const;
  expect(lossWarning(findings)).toBe(
    'WARNING: since the last manifest, 2 files of the run went missing or changed: metrics/he.json (missing), ' +
      'trace.jsonl (changed). The new manifest does not show this. Run the same `npx reignite run` command again to ' +
      'restore them.',
  );
});

it('a results folder that was moved away is named, with what to do', async () => {
  const results = await temporaryFolder();
  await expectResults(results, 'r/1');
  const moved = join(results, 'moved');
  await expect(expectResults(moved, 'r/1')).rejects.toMatchObject({
    code: 'FILE_MISSING',
    message: `The results folder ${moved} of r/1 does not exist.`,
    remedy: 'Move it back if it was moved, or run the same `npx reignite run` command again.',
  });
});
