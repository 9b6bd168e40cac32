import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { partialStates } from '../support/chaos.ts';
import { isAlive, type Place, startCommand, until, workersOf } from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

const folder = suiteFolder();
const WORDS = ['run', '--profile', 'tiny.yaml', '--tasks', 'he', '--data', 'data', '--results', 'results'];
const HOLD = `--import=${import.meta.resolve('../support/hold-images.mjs')}`;

beforeAll(async () => {
  await writeTinyRecord(folder(), [{ name: 'patient1_he_roi1', width: 64, height: 49 }]);
  await writeFile(join(folder(), 'tiny.yaml'), tinyProfile(join(folder(), 'served')));
});

/** Starts a run; its ROI is in its middle from then on, until the returned function is called. */
async function runUntilMidRoi(place: Place) {
  const HELD = join(place.home, '..', 'held');
  await writeFile(`${HELD}-1`, '');
  // A run that was killed has left the state of its own ROI.
  const before = await partialStates(place.home);
  const command = startCommand(WORDS, { ...place, environment: { NODE_OPTIONS: HOLD, HELD } });
  const isOpened = async () => [...(await partialStates(place.home))].some((state) => !before.has(state));
  await until(isOpened, command.stderr);
  const workers = Object.values(workersOf(place.home));
  expect(workers).toHaveLength(2);
  return { command, workers, release: () => rm(`${HELD}-1`) };
}

async function listIn(place: Place) {
  const { status, stdout, stderr } = await runHere(['list', '--json'], place);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout).runs;
}

async function killAll({ command, workers }: Awaited<ReturnType<typeof runUntilMidRoi>>): Promise<void> {
  for (const pid of [command.process.pid ?? 0, ...workers]) process.kill(pid, 'SIGKILL');
  await command.ended;
  await until(() => !workers.some(isAlive));
}

/** Cancels a run that a command works on; the list is asked while that command still stops its server. */
async function whileItRuns(place: Place): Promise<void> {
  const { command, release } = await runUntilMidRoi(place);
  const { status, stderr } = await runHere(['cancel'], place);
  expect(status, stderr).toBe(0);
  expect(await listIn(place)).toMatchObject([{ status: 'cancelled' }]);
  await release();
  expect((await command.ended).status).toBe(1);
}

/** Cancels a run whose command, which runs the server, is killed meanwhile. */
async function whileItIsKilled(place: Place): Promise<void> {
  const running = await runUntilMidRoi(place);
  // No worker answers then, and no process ends with the command.
  for (const pid of running.workers) process.kill(pid, 'SIGSTOP');
  const cancel = startCommand(['cancel'], place);
  await sleep(3_000);
  await killAll(running);
  const { status, stderr } = await cancel.ended;
  expect(status, stderr).toBe(0);
  // A task that the stopped worker had taken comes back only after ten seconds: the run may have been ended instead.
  expect((await listIn(place))[0].status).toMatch(/cancelled|terminated/);
}

/** Cancels a run whose command was killed before, although the worker of `cancel` starts slowly. */
async function afterItWasKilled(place: Place): Promise<void> {
  await killAll(await runUntilMidRoi(place));
  const slow = join(place.home, '..', 'slow.mjs');
  await writeFile(slow, 'if (process.env.REIGNITE_WORKER) await new Promise((go) => setTimeout(go, 6_000));');
  const environment = { NODE_OPTIONS: `--import ${pathToFileURL(slow).href}` };
  const { status, stderr } = await runHere(['cancel'], { ...place, environment });
  expect(status, stderr).toBe(0);
  expect(stderr).not.toContain('Stopping a Temporal server');
  expect((await listIn(place))[0].status).toBe('cancelled');
}

it('cancels a run that a command works on, whose command is killed meanwhile, or whose command was killed', async () => {
  const home = join(await mkdtemp(join(folder(), 'attempt-')), 'home');
  const place = { home, cwd: folder() };
  await whileItRuns(place);
  await whileItIsKilled(place);
  await afterItWasKilled(place);
});
