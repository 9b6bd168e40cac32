import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acquireHomeLock, homeHolder, waitForHomeLock } from '../../../runtime/server/home-server.ts';
import { ownIdentity, processTableId } from '../../../toolkit/files/process-identity.ts';
import { type LockProcess, startLockProcess } from './home-lock-process.ts';

let home: string;
let others: LockProcess[];

beforeAll(async () => {
  others = await Promise.all(Array.from({ length: 3 }, startLockProcess));
});

afterAll(async () => {
  await Promise.all(others.map((other) => other.kill()));
});

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'reignite-lock-'));
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

/** Leaves a claim as an owner of another moment or machine would have, of an earlier version. */
async function placeClaim(root: string, number: number, change: Record<string, unknown>): Promise<string> {
  const holder = {
    ...(await ownIdentity()),
    table: processTableId(),
    since: new Date(0).toISOString(),
    released: false,
    ...change,
  };
  const folder = join(root, 'owner', String(number));
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'holder.json');
  await writeFile(path, JSON.stringify(holder));
  return path;
}

describe('acquireHomeLock', () => {
  it('lets one process own a state directory, names it to others, and passes it on after release', async () => {
    const first = await acquireHomeLock(home);
    expect(first.owner).toBe(true);
    const second = await acquireHomeLock(home);
    expect(second).toMatchObject({ owner: false, holder: { pid: process.pid } });
    expect(await homeHolder(home)).toMatchObject({ holder: { pid: process.pid } });
    if (first.owner) await first.release();
    expect(await homeHolder(home)).toBeUndefined();
    expect((await acquireHomeLock(home)).owner).toBe(true);
  });

  it.each([
    ['of a process of the same number that started at another time', { startTime: 'another boot/1' }],
    ['that was released', { released: true }],
  ])('takes over a lock of an earlier version, %s', async (_, change) => {
    await placeClaim(home, 7, change);
    expect((await acquireHomeLock(home)).owner).toBe(true);
    expect(await readdir(join(home, 'owner'))).toEqual([expect.stringMatching(/^[0-9a-f]{24}\.json$/)]);
  });

  it('respects an owner on another machine as long as it renews, and no longer', async () => {
    const rhythm = { renewMs: 50, silentMs: 60_000 };
    const path = await placeClaim(home, 1, { table: 'another machine', pid: 1 });
    expect(await acquireHomeLock(home, { rhythm })).toMatchObject({ owner: false, holder: { pid: 1 } });
    const before = new Date(Date.now() - 61_000);
    await utimes(path, before, before);
    expect((await acquireHomeLock(home, { rhythm })).owner).toBe(true);
  });

  it('works if a path is too long for a socket or contains blanks and other characters', async () => {
    const deep = join(home, `${'ä '.repeat(60)}?`, '#'.repeat(120));
    expect((await acquireHomeLock(deep)).owner).toBe(true);
    expect((await acquireHomeLock(deep)).owner).toBe(false);
  });

  it('gives the state directory of a killed owner to exactly one of many processes', async () => {
    for (let round = 0; round < 10; round++) {
      const contested = await mkdtemp(join(home, 'contested-'));
      await placeClaim(contested, 5, { startTime: 'another boot/1' });
      const outcomes = await Promise.all(others.map((other) => other.order({ do: 'take', home: contested })));
      expect(outcomes.filter((isOwner) => isOwner === true)).toHaveLength(1);
    }
  });

  it('never lets two processes in while they acquire and release repeatedly', async () => {
    const log = join(home, 'inside.log');
    await Promise.all(others.map((other) => other.order({ do: 'contend', home, log, rounds: 40 })));
    const lines = (await readFile(log, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(others.length * 40 * 2);
    // Who came in is the next to leave.
    for (let k = 0; k < lines.length; k += 2) {
      expect(lines[k]).toMatch(/^in /);
      expect(lines[k + 1]).toBe(lines[k]?.replace('in ', 'out '));
    }
  });
});

describe('waitForHomeLock', () => {
  it('takes over when the owner is killed', async () => {
    const owner = others.pop();
    expect(await owner?.order({ do: 'take', home })).toBe(true);
    expect((await acquireHomeLock(home)).owner).toBe(false);
    const waiting = waitForHomeLock(home, { pollMs: 20 });
    await owner?.kill();
    const lock = await waiting;
    expect(lock.owner).toBe(true);
    await lock.release();
  });

  it('stops waiting when aborted', async () => {
    await acquireHomeLock(home);
    const signal = AbortSignal.timeout(50);
    await expect(waitForHomeLock(home, { signal, pollMs: 1_000 })).rejects.toThrow(
      expect.objectContaining({ name: 'TimeoutError' }),
    );
  });
});
