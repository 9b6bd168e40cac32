import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasPartial, inferredTwice, leftBehind } from '../support/chaos.ts';
import { type Ended, serverPidOf, startCommand, until } from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { digestsBelow } from '../support/files-below.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

const PROMISED = ['inference', 'confidence', 'metrics', 'figures'];
const BIG = { name: 'patient1_he_roi1', width: 400, height: 300 };
const SMALL = { name: 'patient2_he_roi1', width: 64, height: 49 };

const folder = suiteFolder();
const place = (name: string) => ({ home: join(folder(), `home-${name}`), cwd: folder() });
const wordsOf = (name: string) => [
  ...['run', '--profile', 'tiny.yaml', '--tasks', 'he'],
  ...['--data', `data-${name}`, '--results', `results-${name}`],
];
const outputs = (name: string) => digestsBelow(join(folder(), `results-${name}`), PROMISED);
const databases = (name: string) => join(place(name).home, 'temporal');

let undisturbed: Record<string, string> = {};

beforeAll(async () => {
  await writeTinyRecord(folder(), [BIG, SMALL]);
  await writeFile(join(folder(), 'tiny.yaml'), tinyProfile(join(folder(), 'served')));
  const { status, stderr } = await runHere(wordsOf('calm'), place('calm'));
  expect(status, stderr).toBe(0);
  undisturbed = await outputs('calm');
});

/** Runs to the middle of an ROI, does `blow` and kills the server; then follows the run to its end. */
async function withServerKilled(name: string, blow: () => Promise<void>): Promise<Ended> {
  const command = startCommand(wordsOf(name), place(name));
  await until(() => hasPartial(place(name).home), command.stderr);
  const server = await serverPidOf(place(name).home);
  await blow();
  process.kill(server, 'SIGKILL');
  const ended = await command.ended;
  expect(ended.status, ended.stderr).toBe(0);
  expect(ended.stderr).toContain('The Temporal server exited. Restarting it on the same database.');
  expect(await outputs(name)).toEqual(undisturbed);
  expect(await inferredTwice(place(name).home)).toEqual([]);
  expect(leftBehind(place(name).home)).toEqual([]);
  return ended;
}

async function deleteDatabase(name: string): Promise<void> {
  for (const file of await readdir(databases(name))) {
    if (file.startsWith('temporal.db')) await rm(join(databases(name), file));
  }
}

describe('a killed server', () => {
  it('is restarted with its database, and the run continues', async () => {
    const { stderr } = await withServerKilled('killed', async () => undefined);
    expect(stderr.match(/Started|Attached to/g)).toHaveLength(1);
    expect(stderr).not.toContain('Restarting the run');
  });

  it('loses the run if its database was deleted first: the run restarts from its finished rows', async () => {
    const { stderr } = await withServerKilled('lost', () => deleteDatabase('lost'));
    expect(stderr).toContain('The Temporal database was lost. Restarting the run');
  });
});

describe('the database of the server', () => {
  const runAgain = async () => {
    const again = await runHere(wordsOf('calm'), place('calm'));
    expect(again.status, again.stderr).toBe(0);
    expect(again.stdout).toContain('2 ROIs: 0 computed, 2 from the cache, 0 failed');
    expect(await outputs('calm')).toEqual(undisturbed);
    return again;
  };

  it('can be deleted at the cost of the history only: the next run uses the cache', async () => {
    await deleteDatabase('calm');
    await runAgain();
    expect(await readdir(databases('calm'))).toEqual(['temporal.db']);
  });

  it('is moved aside unchanged if it is damaged: the next run uses the cache', async () => {
    const path = join(databases('calm'), 'temporal.db');
    const whole = await readFile(path);
    // Its first page stays, so that it still looks like a database.
    const damaged = Buffer.concat([whole.subarray(0, 4_096), randomBytes(whole.length - 4_096)]);
    await writeFile(path, damaged);
    const { stderr } = await runAgain();
    const aside = join(databases('calm'), 'temporal.db.refused-1');
    expect(stderr).toContain(`Temporal could not open its database. It was moved to ${aside}`);
    expect((await readFile(aside)).equals(damaged)).toBe(true);
  });
});
