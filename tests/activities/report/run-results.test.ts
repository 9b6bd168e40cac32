import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { openResults } from '../../../activities/report/run-results.ts';
import { makeFolder } from '../../../toolkit/files/folders.ts';
import { RESULTS } from '../../../toolkit/results/results-folder.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { stubbedRun } from '../../support/stubbed-run.ts';

it('removes the manifest of an earlier execution, whose files the run will rewrite', async () => {
  const { input } = stubbedRun(await temporaryFolder(), 1);
  const { results } = input.folders;
  const open = () => new MockActivityEnvironment().run(openResults, input);
  await makeFolder(results);
  expect(await open()).toEqual({});
  await writeFile(RESULTS.manifest.in(results), '');
  expect(await open()).toEqual({});
  expect(existsSync(RESULTS.manifest.in(results))).toBe(false);
  expect(await RESULTS.summary.readIfValid(results)).toMatchObject({ status: 'running' });
});
