import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replaceFile, writeFileAtomic } from '../../../toolkit/files/atomic-write.ts';
import { asDiskError } from '../../../toolkit/files/disk-error.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

describe('writeFileAtomic', () => {
  it('makes the folder, writes the file, and leaves nothing else', async () => {
    const folder = await temporaryFolder();
    await writeFileAtomic(join(folder, 'deep', 'a.json'), 'one');
    await writeFileAtomic(join(folder, 'deep', 'a.json'), 'two');
    expect(await readFile(join(folder, 'deep', 'a.json'), 'utf8')).toBe('two');
    expect(await readdir(join(folder, 'deep'))).toEqual(['a.json']);
  });

  it('leaves the old file when the new one cannot be made', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'a');
    await writeFile(path, 'old');
    const failing = replaceFile(path, async (temporary) => {
      await writeFile(temporary, 'half');
      throw new Error('power cut');
    });
    await expect(failing).rejects.toThrow('power cut');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a']);
  });

  it.skipIf(process.getuid?.() === 0)('says NOT_WRITABLE of a folder without permission', async () => {
    // Root may write everywhere, so that this case needs an ordinary user.
    const folder = join(await temporaryFolder(), 'locked');
    await mkdir(folder);
    await chmod(folder, 0o500);
    await expect(writeFileAtomic(join(folder, 'a'), 'x')).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
  });
});

describe('asDiskError', () => {
  it.each([
    ['ENOSPC', 'NO_SPACE'],
    ['EDQUOT', 'NO_SPACE'],
    ['EACCES', 'NOT_WRITABLE'],
    ['EROFS', 'NOT_WRITABLE'],
  ])('turns %s into %s and names the file', (code, ours) => {
    const error = asDiskError(Object.assign(new Error('disk'), { code }), '/d/file');
    expect(error).toMatchObject({ code: ours, message: expect.stringContaining('/d/file') });
  });

  it('passes other errors on', () => {
    const error = new Error('else');
    expect(asDiskError(error, '/d')).toBe(error);
  });
});
