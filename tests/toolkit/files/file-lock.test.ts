import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockFile } from '../../../toolkit/files/file-lock.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

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
