import { mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { acquireLease, findLease, lockFile, type OwnLease, type Rhythm } from '../../../toolkit/files/lease.ts';
import { ownIdentity, processTableId } from '../../../toolkit/files/process-identity.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const ENDED = 2 ** 22 + 5;
const QUICK: Rhythm = { renewMs: 50, silentMs: 1_000 };

afterEach(() => {
  vi.useRealTimers();
});

async function place() {
  const folder = await temporaryFolder();
  return { folder, path: join(folder, 'a.lock') };
}

async function acquired(path: string, rhythm?: Rhythm): Promise<OwnLease> {
  const lease = await acquireLease(path, rhythm === undefined ? {} : { rhythm });
  if (!lease.acquired) throw new Error('The lease is held.');
  return lease;
}

/** A claim as another process would have left it, last renewed some time ago. */
async function foreignClaim(path: string, change: Record<string, unknown>, agoMs = 0): Promise<string> {
  const own = { host: 'far-away', ...(await ownIdentity()), table: processTableId(), since: '2026-01-01T00:00:00Z' };
  return claimWith(path, JSON.stringify({ ...own, ...change }), agoMs);
}

async function claimWith(path: string, text: string, agoMs = 0): Promise<string> {
  await mkdir(path, { recursive: true });
  const claim = join(path, 'another.json');
  await writeFile(claim, text);
  await wasWritten(claim, agoMs);
  return claim;
}

async function wasWritten(path: string, agoMs: number): Promise<void> {
  const then = new Date(Date.now() - agoMs);
  await utimes(path, then, then);
}

const ELSEWHERE = { table: 'elsewhere' };

describe('acquireLease', () => {
  it('grants the lease to one process at a time, and leaves nothing', async () => {
    const { folder, path } = await place();
    const lease = await acquired(path);
    expect(await acquireLease(path)).toMatchObject({ acquired: false, holder: { pid: process.pid } });
    expect(await findLease(path)).toMatchObject({ holder: { pid: process.pid } });
    await lease.release();
    await lease.release();
    expect(await findLease(path)).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });

  it('grants it to one of many at the same time, even after a dead holder', async () => {
    const { folder, path } = await place();
    for (let round = 0; round < 20; round++) {
      await foreignClaim(path, { pid: ENDED });
      const leases = await Promise.all(Array.from({ length: 12 }, () => acquireLease(path)));
      const won = leases.filter((lease) => lease.acquired);
      expect(won).toHaveLength(1);
      await won[0]?.release();
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ['a process that has ended', { pid: ENDED }],
    ['an earlier process of the same number', { startTime: 'before' }],
    ['this process, which no longer holds it', {}],
  ])('takes over at once from %s', async (_, change) => {
    const { path } = await place();
    await foreignClaim(path, change);
    await (await acquired(path)).release();
  });

  it('takes over from another machine that stays silent while it is watched', async () => {
    const { path } = await place();
    await foreignClaim(path, ELSEWHERE, 1_500);
    expect(await findLease(path, QUICK)).toBeUndefined();
    await (await acquired(path, QUICK)).release();
  });

  it('respects a recent renewal by another machine', async () => {
    const { path } = await place();
    await foreignClaim(path, ELSEWHERE, 500);
    expect(await acquireLease(path, { rhythm: QUICK })).toMatchObject({ holder: { host: 'far-away' } });
    expect(await findLease(path, QUICK)).toMatchObject({ holder: { host: 'far-away' } });
  });

  it('respects a claim that looks old after the clock jumped ahead but is still renewed', async () => {
    const { path } = await place();
    const claim = await foreignClaim(path, ELSEWHERE, 3_600_000);
    const attempt = acquireLease(path, { rhythm: { renewMs: 500, silentMs: 1_000 } });
    await sleep(150);
    await writeFile(claim, await readFile(claim));
    expect(await attempt).toMatchObject({ acquired: false });
  });

  it('takes over a claim from the future, after the clock was set back, once the full silence limit has passed', async () => {
    const { path } = await place();
    await foreignClaim(path, ELSEWHERE, -3_600_000);
    const begin = performance.now();
    await (await acquired(path, QUICK)).release();
    expect(performance.now() - begin).toBeGreaterThan(QUICK.silentMs);
  });

  it.each([
    ['empty', ''],
    ['half-written', '{"pid": 1, "sta'],
    ['foreign JSON', '{"a": [1, 2]}'],
    ['not text', '\u0000\u0001'],
  ])('leaves a claim that is %s until it was silent', async (_, text) => {
    const { folder, path } = await place();
    const claim = await claimWith(path, text);
    const held = await acquireLease(path, { rhythm: QUICK });
    expect(held).toEqual({ acquired: false });
    expect(await findLease(path, QUICK)).toEqual({ acquired: false });
    await wasWritten(claim, 1_500);
    await (await acquired(path, QUICK)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it.each<[string, (path: string) => Promise<unknown>]>([
    ['had prepared a claim', (path) => mkdir(`${path.replace('a.lock', '.a.lock')}.${ENDED}.0a1b2c3d.tmp`)],
    ['had removed its claim and not yet the folder', (path) => mkdir(path)],
  ])('is free when a process was killed that %s', async (_, leave) => {
    const { folder, path } = await place();
    await leave(path);
    await (await acquired(path)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('recognises the lock file of an earlier version, dead or alive', async () => {
    const { folder, path } = await place();
    const own = { ...(await ownIdentity()), table: processTableId(), since: '2026-01-01T00:00:00Z' };
    const parent = await ownIdentityOfParent();
    await writeFile(path, JSON.stringify({ ...own, ...parent, host: 'here' }));
    expect(await acquireLease(path)).toMatchObject({ acquired: false, holder: { host: 'here' } });
    await writeFile(path, JSON.stringify({ ...own, pid: ENDED, host: 'here' }));
    await (await acquired(path)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('stops watching when aborted', async () => {
    const { path } = await place();
    await foreignClaim(path, ELSEWHERE, 100_000);
    const watching = acquireLease(path, { signal: AbortSignal.timeout(100) });
    await expect(watching).rejects.toMatchObject({ name: expect.stringMatching(/Abort|Timeout/) });
  });

  it('reports a folder that cannot be created', async () => {
    const { folder } = await place();
    await symlink('nowhere/deeper', join(folder, 'dangling'));
    await expect(acquireLease(join(folder, 'dangling', 'a.lock'))).rejects.toMatchObject({ code: expect.any(String) });
  });
});

/** A process that runs: the one that started the tests. */
async function ownIdentityOfParent() {
  const { startTimeOf } = await import('../../../toolkit/files/process-identity.ts');
  return { pid: process.ppid, startTime: await startTimeOf(process.ppid) };
}

describe('a held lease', () => {
  async function claimOf(path: string): Promise<string> {
    return join(path, (await readdir(path))[0] ?? '');
  }

  it.each([-60_000, 0, 60_000])('is renewed by the clock of the file system if its own is %i ms off', async (off) => {
    const { folder, path } = await place();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + off });
    const lease = await acquired(path, QUICK);
    const claim = await claimOf(path);
    await wasWritten(claim, 3_600_000);
    await vi.waitFor(async () => {
      await writeFile(join(folder, 'now'), '');
      const [now, renewed] = [await stat(join(folder, 'now')), await stat(claim)];
      expect(Math.abs(now.mtimeMs - renewed.mtimeMs)).toBeLessThan(500);
    });
    await lease.release();
  });

  it('is renewed without ever showing half a claim', async () => {
    const { path } = await place();
    const lease = await acquired(path, { renewMs: 1, silentMs: 1_000 });
    const claim = await claimOf(path);
    const before = await readFile(claim, 'utf8');
    for (let look = 0; look < 500; look++) expect(await readFile(claim, 'utf8')).toBe(before);
    await lease.release();
  });

  it('reports when another process took it', async () => {
    const { path } = await place();
    const lease = await acquired(path, QUICK);
    await rm(await claimOf(path));
    await foreignClaim(path, ELSEWHERE);
    await expect.poll(() => lease.lost.aborted).toBe(true);
    expect(lease.lost.reason).toMatchObject({ code: 'FILE_LOCKED' });
    await lease.release();
    expect(await readdir(path)).toEqual(['another.json']);
  });

  it('counts as lost if it could not be renewed before others may take it', async () => {
    const { path } = await place();
    const lease = await acquired(path, { renewMs: 20, silentMs: 200 });
    const claim = await claimOf(path);
    await rm(claim);
    // A link to itself cannot be opened: neither there nor gone.
    await symlink(claim, claim);
    expect(lease.lost.aborted).toBe(false);
    await expect.poll(() => lease.lost.aborted).toBe(true);
    await lease.release();
  });
});

describe('lockFile', () => {
  it('fails immediately if the lock is held, and leaves nothing', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'a.lock');
    const lock = await lockFile(path, 'a');
    const second = lockFile(path, 'a');
    await expect(second).rejects.toMatchObject({ code: 'FILE_LOCKED', retryable: true, retryAfterMs: 5_000 });
    await expect(second).rejects.toThrow(`a is being written by process ${process.pid} on `);
    const held = { code: 'RESULTS_IN_USE', remedy: 'Wait for it.' } as const;
    await expect(lockFile(path, 'a', { held })).rejects.toMatchObject({ ...held, retryAfterMs: undefined });
    await lock.release();
    await (await lockFile(path, 'a')).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ['is empty', ''],
    ['holds something foreign', '{"a": 1}'],
  ])('respects a lock of another machine that %s', async (_, text) => {
    const path = join(await temporaryFolder(), 'a.lock');
    await mkdir(path);
    await writeFile(join(path, 'claim.json'), text);
    const then = new Date(Date.now() - 25_000);
    await utimes(join(path, 'claim.json'), then, then);
    await expect(lockFile(path, 'a')).rejects.toThrow('a is being written.');
  });
});
