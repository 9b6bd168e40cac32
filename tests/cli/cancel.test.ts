import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { isAlive, startCommand, until, workersOf } from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

const folder = suiteFolder();
const WORDS = ['run', '--profile', 'tiny.yaml', '--tasks', 'he', '--data', 'data', '--results', 'results'];

/** A run whose ROI is in its middle when the command returns. */
async function runUntilMidRoi(home: string) {
  const command = startCommand(WORDS, { home, cwd: folder() });
  await until(async () => (await hasPartial(home)) || command.process.exitCode !== null, command.stderr);
  return command;
}

async function hasPartial(home: string): Promise<boolean> {
  const work = await readdir(join(home, 'work'), { recursive: true }).catch(() => []);
  return work.some((name) => name.endsWith('state.json'));
}

describe('reignite cancel', () => {
  beforeAll(async () => {
    await writeTinyRecord(folder(), [{ name: 'patient1_he_roi1', width: 2_400, height: 800 }]);
    await writeFile(join(folder(), 'tiny.yaml'), tinyProfile(join(folder(), 'served')));
  });

  const list = async (home: string) => {
    const { status, stdout, stderr } = await runHere(['list', '--json'], { home, cwd: folder() });
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout).runs;
  };

  it('can be followed at once by another command, while the cancelled one still stops its server', async () => {
    const home = await mkdtemp(join(folder(), 'home-followed-'));
    const command = await runUntilMidRoi(home);
    const { status, stderr } = await runHere(['cancel'], { home, cwd: folder() });
    expect(status, stderr).toBe(0);
    expect(await list(home)).toMatchObject([{ status: 'cancelled' }]);
    expect((await command.ended).status).toBe(1);
  });

  it('takes over when the command that runs the server is killed meanwhile', async () => {
    const home = await mkdtemp(join(folder(), 'home-lost-'));
    const command = await runUntilMidRoi(home);
    const workers = Object.values(workersOf(home));
    expect(workers).toHaveLength(2);
    // No worker answers then, and no process ends with the command.
    for (const pid of workers) process.kill(pid, 'SIGSTOP');
    const cancel = startCommand(['cancel'], { home, cwd: folder() });
    await sleep(3_000);
    for (const pid of [command.process.pid ?? 0, ...workers]) process.kill(pid, 'SIGKILL');
    const { status, stderr } = await cancel.ended;
    expect(status, stderr).toBe(0);
    // A task that the stopped worker had taken comes back only after ten seconds: the run may have been ended instead.
    expect((await list(home))[0].status).toMatch(/cancelled|terminated/);
    await command.ended;
  });

  it('cancels a run whose command was killed, however slowly its own worker starts', async () => {
    const home = await mkdtemp(join(folder(), 'home-killed-'));
    const command = await runUntilMidRoi(home);
    const workers = Object.values(workersOf(home));
    expect(workers).toHaveLength(2);
    for (const pid of [command.process.pid ?? 0, ...workers]) process.kill(pid, 'SIGKILL');
    await command.ended;
    await until(() => !workers.some(isAlive));
    const slow = join(folder(), 'slow.mjs');
    await writeFile(slow, 'if (process.env.REIGNITE_WORKER) await new Promise((go) => setTimeout(go, 6_000));');
    const environment = { NODE_OPTIONS: `--import ${pathToFileURL(slow).href}` };
    const { status, stderr } = await runHere(['cancel'], { home, cwd: folder(), environment });
    expect(status, stderr).toBe(0);
    expect(stderr).not.toContain('Stopping a Temporal server');
    expect(await list(home)).toMatchObject([{ status: 'cancelled' }]);
  });
});
