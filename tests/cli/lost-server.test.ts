import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { StepCache } from '../../toolkit/cache/step-cache.ts';
import { hasPartial, inferredTwice, leftBehind } from '../support/chaos.ts';
import { type Place, serverPidOf, startCommand, until } from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { digestsBelow } from '../support/files-below.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

const PROMISED = ['inference', 'confidence', 'metrics', 'figures'];
const folder = suiteFolder();

beforeAll(async () => {
  await writeTinyRecord(folder(), [
    { name: 'patient1_he_roi1', width: 64, height: 112 },
    { name: 'patient2_he_roi1', width: 64, height: 96 },
  ]);
  await writeFile(join(folder(), 'tiny.yaml'), tinyProfile(join(folder(), 'served')));
});

const profile = () => ['--profile', join(folder(), 'tiny.yaml'), '--tasks', 'he', '--data', join(folder(), 'data')];
const wordsOf = (results: string) => ['run', ...profile(), '--results', results];
const databases = ({ home }: Place) => join(home, 'temporal');

async function deleteDatabase(place: Place): Promise<void> {
  for (const file of await readdir(databases(place))) {
    if (file.startsWith('temporal.db')) await rm(join(databases(place), file));
  }
}

/** Overwrites the database. Its first page stays, so that it still looks like one. */
async function damageDatabase(place: Place): Promise<Buffer> {
  const path = join(databases(place), 'temporal.db');
  const whole = await readFile(path);
  const damaged = Buffer.concat([whole.subarray(0, 4_096), randomBytes(whole.length - 4_096)]);
  await writeFile(path, damaged);
  return damaged;
}

/** Removes one of two ROIs from the cache, so that the next run computes it. */
async function forgetRoi({ home }: Place, which: 0 | 1): Promise<void> {
  const cache = new StepCache(join(home, 'cache'));
  const keys: string[] = [];
  for await (const { key, parts } of cache.entries()) if (parts['step'] === 'segment-roi') keys.push(key);
  expect(keys).toHaveLength(2);
  const key = keys.sort()[which] ?? '';
  await rm(dirname(cache.pathOf(key, 'mask')), { recursive: true });
}

/** Runs with a server that is killed in the middle of an ROI, and killed without its database in that of the next. */
async function runWithServerKilled(place: Place): Promise<Record<string, string>> {
  const HELD = join(place.cwd, 'held');
  await Promise.all([1, 2].map((n) => writeFile(`${HELD}-${n}`, '')));
  const NODE_OPTIONS = `--import=${import.meta.resolve('../support/hold-images.mjs')}`;
  const command = startCommand(wordsOf('struck'), { ...place, environment: { NODE_OPTIONS, HELD } });
  await until(() => hasPartial(place.home), command.stderr);
  const first = await serverPidOf(place.home);
  process.kill(first, 'SIGKILL');
  await command.shows('The Temporal server exited. Restarting it on the same database.');
  await rm(`${HELD}-1`);
  // The ROI that was in its middle ends, and the next one waits in its own.
  await command.shows('1 of 2 ROIs');
  await until(() => hasPartial(place.home), command.stderr);
  expect(command.stderr().match(/Started|Attached to/g)).toHaveLength(1);
  expect(command.stderr()).not.toContain('Restarting the run');

  const second = await serverPidOf(place.home);
  expect(second).not.toBe(first);
  await deleteDatabase(place);
  process.kill(second, 'SIGKILL');
  await command.shows('The Temporal database was lost. Restarting the run');
  await rm(`${HELD}-2`);
  const ended = await command.ended;
  expect(ended.status, ended.stderr).toBe(0);
  expect(await inferredTwice(place.home)).toEqual([]);
  expect(leftBehind(place.home)).toEqual([]);
  return digestsBelow(join(place.cwd, 'struck'), PROMISED);
}

/** Runs undisturbed: one ROI comes from the cache. */
async function runUndisturbed(place: Place, results: string) {
  const { status, stdout, stderr } = await runHere(wordsOf(results), place);
  expect(status, stderr).toBe(0);
  expect(stdout).toContain('2 ROIs: 1 computed, 1 from the cache, 0 failed');
  return { stderr, outputs: await digestsBelow(join(place.cwd, results), PROMISED) };
}

it('costs the history at most: if the server is killed and its database deleted or damaged, results are the same', async () => {
  const cwd = await mkdtemp(join(folder(), 'attempt-'));
  const place = { home: join(cwd, 'home'), cwd };
  const struck = await runWithServerKilled(place);

  const damaged = await damageDatabase(place);
  await forgetRoi(place, 0);
  const onDamaged = await runUndisturbed(place, 'on-damaged');
  expect(onDamaged.outputs).toEqual(struck);
  const aside = join(databases(place), 'temporal.db.refused-1');
  expect(onDamaged.stderr).toContain(`Temporal could not open its database. It was moved to ${aside}`);
  expect((await readFile(aside)).equals(damaged)).toBe(true);

  await deleteDatabase(place);
  await forgetRoi(place, 1);
  expect((await runUndisturbed(place, 'on-none')).outputs).toEqual(struck);
  expect(await readdir(databases(place))).toEqual(['temporal.db']);
});
