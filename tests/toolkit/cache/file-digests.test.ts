import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FileDigests } from '../../../toolkit/cache/file-digests.ts';
import { sha256Of } from '../../../toolkit/files/hash-file.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

describe('FileDigests', () => {
  it('notices a change of the same length within the same second', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'a');
    const digests = new FileDigests(join(folder, 'memo.json'));
    await writeFile(path, 'one');
    expect(await digests.sha256(path)).toBe(sha256Of('one'));
    await writeFile(path, 'two');
    expect(await digests.sha256(path)).toBe(sha256Of('two'));
  });

  it('remembers a file that has not changed lately, also for the next process', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'a');
    const memo = join(folder, 'memo.json');
    await writeFile(path, 'one');
    await sleep(2_100);
    const first = new FileDigests(memo);
    await first.sha256(path);
    await first.save();
    const stored = await readFile(memo, 'utf8');
    await writeFile(memo, stored.replace(sha256Of('one'), 'f'.repeat(64)));
    expect(await new FileDigests(memo).sha256(path)).toBe('f'.repeat(64));
    await utimes(path, new Date(), new Date());
    expect(await new FileDigests(memo).sha256(path)).toBe(sha256Of('one'));
  });

  it('starts again from a damaged file of digests, and names a missing file', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'memo.json'), 'nonsense');
    await writeFile(join(folder, 'a'), 'one');
    const digests = new FileDigests(join(folder, 'memo.json'));
    expect(await digests.sha256(join(folder, 'a'))).toBe(sha256Of('one'));
    await expect(digests.sha256(join(folder, 'none'))).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });
});
