import { mkdir, realpath, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { usualData } from '../../../cli/inspect/run-folders.ts';
import { loadConfig } from '../../../runtime/load-config.ts';
import { resolveRun } from '../../../runtime/run/resolve-run.ts';
import { allowPlaces } from '../../../toolkit/files/allowed-places.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { writeConfiguration } from '../../../toolkit/report/configuration.ts';
import { RESULTS } from '../../../toolkit/results/results-folder.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

afterEach(() => vi.unstubAllEnvs());

it('finds the data folder that a run of this state directory used', async () => {
  const folder = await realpath(await temporaryFolder());
  vi.stubEnv('REIGNITE_HOME', join(folder, 'home'));
  const home = homeFolders(join(folder, 'home'));
  const [data, other, results] = ['record', 'other', 'results'].map((name) => join(folder, name));
  if (data === undefined || other === undefined || results === undefined) throw new Error('Expected three folders');
  for (const each of [data, other, results]) await mkdir(each);
  const config = await loadConfig({ profile: 'sample', set: [] });
  await writeConfiguration(results, config);
  const { id, input } = resolveRun(config, home, { data, results });
  const tasks = {};
  await RESULTS.summary.write(results, {
    ...{ run: id, record: '1', profile: 'sample', digest: input.digest, status: 'done', tasks },
  });
  expect(await usualData(results)).toBeUndefined();
  await allowPlaces(home, { written: [other, results] });
  expect(await usualData(results)).toBe(other);
  await allowPlaces(home, { written: [data, results] });
  expect(await usualData(results)).toBe(data);
  const moved = join(folder, 'moved');
  await rename(results, moved);
  expect(await usualData(moved)).toBe(data);
  await rename(data, join(folder, 'elsewhere'));
  expect(await usualData(moved)).toBeUndefined();
});
