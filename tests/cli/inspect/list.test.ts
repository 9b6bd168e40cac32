import { rm, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { rowOf } from '../../../cli/inspect/list.ts';
import { damagedSummaryOf } from '../../../runtime/run/describe-run.ts';
import { RESULTS } from '../../../toolkit/results/results-folder.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

it('list says that a summary is damaged, instead of leaving out the verdicts', async () => {
  const results = await temporaryFolder();
  const path = RESULTS.summary.in(results);
  const damage = () => damagedSummaryOf({ memo: { results } });
  expect(await damage()).toBeUndefined();
  await RESULTS.summary.write(results, {
    run: 'r/1',
    record: '7',
    profile: 'p',
    digest: 'd',
    status: 'done',
    tasks: {},
  });
  expect(await damage()).toBeUndefined();
  await writeFile(path, '{"run": "r/1", ');
  expect(await damage()).toBe(path);
  await rm(path);
  expect(await damagedSummaryOf({ memo: {} })).toBeUndefined();

  const description = {
    run: 'r/1',
    runId: 'x',
    status: 'done',
    paused: false,
    started: '2026-01-02T03:04:05.000Z',
    closed: null,
    results,
    verdicts: {},
    said: { he: 'reproduced' },
    provenance: null,
  };
  expect(rowOf(description)).toBe('2026-01-02 03:04  done         r/1  he reproduced');
  expect(rowOf({ ...description, said: {}, damagedSummary: '/r/summary.json' })).toBe(
    '2026-01-02 03:04  done         r/1  verdicts unknown: /r/summary.json is damaged; run the same command to restore it',
  );
});
