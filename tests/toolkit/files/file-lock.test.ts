import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockFile } from '../../../toolkit/files/file-lock.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

async function place() {
  const folder = await temporaryFolder();
  return { folder, path: join(folder, 'a.lock') };
}

/** A lock as another process left it. */
async function foreignLock(path: string, changes: Record<string, unknown>, agoSeconds = 0): Promise<void> {
  const lock = await lockFile(path, 'a');
  const holder: unknown = JSON.parse(await readFile(path, 'utf8'));
  await lock.release();
  if (typeof holder !== 'object' || holder === null) throw new Error('The lock holds nothing.');
  await writeFile(path, JSON.stringify({ ...holder, ...changes, nonce: 'another' }));
  const then = new Date(Date.now() - agoSeconds * 1_000);
  await utimes(path, then, then);
}

describe('lockFile', () => {
  it('lets one in at a time, and leaves nothing', async () => {
    const { folder, path } = await place();
    const lock = await lockFile(path, 'a');
    await expect(lockFile(path, 'a')).rejects.toMatchObject({ code: 'FILE_LOCKED', retryable: true });
    await lock.release();
    await (await lockFile(path, 'a')).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('of many that come at once lets one in', async () => {
    const { folder, path } = await place();
    await foreignLock(path, { pid: 2 ** 22 + 5 });
    const settled = await Promise.allSettled(Array.from({ length: 12 }, () => lockFile(path, 'a')));
    const won = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(won).toHaveLength(1);
    await won[0]?.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ['a process that has ended', { pid: 2 ** 22 + 5 }, 0],
    ['an earlier process of the same number', { startTime: 'before' }, 0],
    ['this process, which holds it no more', {}, 0],
    ['another machine, silent for 31 s', { table: 'elsewhere', host: 'elsewhere' }, 31],
  ])('takes over the lock of %s', async (_, changes, agoSeconds) => {
    const { path } = await place();
    await foreignLock(path, changes, agoSeconds);
    await (await lockFile(path, 'a')).release();
  });

  it('leaves the lock of another machine that was silent for less', async () => {
    const { path } = await place();
    await foreignLock(path, { table: 'elsewhere', host: 'far-away' }, 25);
    await expect(lockFile(path, 'a')).rejects.toThrow(/a is being written by process \d+ on far-away, since 20/);
  });

  it('leaves a lock that is not written yet', async () => {
    const { path } = await place();
    await writeFile(path, '');
    await expect(lockFile(path, 'a')).rejects.toMatchObject({ code: 'FILE_LOCKED' });
  });
});
