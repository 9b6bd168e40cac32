import { chmod, mkdir, readdir, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  copyChangingFile,
  replaceFile,
  sweepTemporaries,
  temporaryPathBeside,
  writeFileAtomic,
} from '../../../toolkit/files/atomic-write.ts';
import { asDiskError, asSystemError, notOpened } from '../../../toolkit/files/file-access.ts';
import { processTableTag } from '../../../toolkit/files/process-identity.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

describe('writeFileAtomic', () => {
  it('makes the folder, writes the file, and leaves nothing else', async () => {
    const folder = await temporaryFolder();
    await writeFileAtomic(join(folder, 'deep', 'a.json'), 'one');
    await writeFileAtomic(join(folder, 'deep', 'a.json'), 'two');
    expect(await readFile(join(folder, 'deep', 'a.json'), 'utf8')).toBe('two');
    expect(await readdir(join(folder, 'deep'))).toEqual(['a.json']);
  });

  it('keeps the old file if the new one cannot be written', async () => {
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

  it.skipIf(process.getuid?.() === 0)('throws NOT_WRITABLE for a folder without permission', async () => {
    // Root may write everywhere, so that this case needs an ordinary user.
    const folder = join(await temporaryFolder(), 'locked');
    await mkdir(folder);
    await chmod(folder, 0o500);
    await expect(writeFileAtomic(join(folder, 'a'), 'x')).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
  });
});

describe('long names', () => {
  it.each([1, 228, 229, 234, 244, 250, 255])('writes a file whose name has %i bytes, and no other', async (length) => {
    const folder = await temporaryFolder();
    const name = 'n'.repeat(length);
    await writeFileAtomic(join(folder, name), 'x');
    expect(await readdir(folder)).toEqual([name]);
  });

  it('counts bytes, not characters', async () => {
    const folder = await temporaryFolder();
    const name = 'µ'.repeat(127);
    await writeFileAtomic(join(folder, name), 'x');
    expect(await readdir(folder)).toEqual([name]);
  });

  it('reports a name of 256 bytes as too long', async () => {
    const path = join(await temporaryFolder(), 'n'.repeat(256));
    await expect(writeFileAtomic(path, 'x')).rejects.toMatchObject({ code: 'NAME_TOO_LONG' });
  });
});

describe('asSystemError', () => {
  const failed = (facts: object) => Object.assign(new Error('the system'), facts);

  it.each([
    ['a file that is to be made', { code: 'EACCES', syscall: 'open', path: '/nowhere/a' }, 'NOT_WRITABLE'],
    ['a folder that is to be made', { code: 'EROFS', syscall: 'mkdir', path: '/nowhere/a' }, 'NOT_WRITABLE'],
    ['a folder to be listed', { code: 'EACCES', syscall: 'scandir', path: '/nowhere' }, 'NOT_READABLE'],
    ['a file to be looked at', { code: 'EACCES', syscall: 'stat', path: '/nowhere/a' }, 'NOT_READABLE'],
    ['a full disk', { code: 'ENOSPC', syscall: 'write' }, 'NO_SPACE'],
    ['a long name', { code: 'ENAMETOOLONG', syscall: 'rename', path: '/a', dest: '/b' }, 'NAME_TOO_LONG'],
  ])('distinguishes reading from writing: %s', (_name, facts, code) => {
    expect(asSystemError(failed(facts))).toMatchObject({ code });
  });

  it.skipIf(process.getuid?.() === 0)('names an input that cannot be read', async () => {
    // Root may read everything.
    const path = join(await temporaryFolder(), 'secret');
    await writeFile(path, 'x', { mode: 0 });
    const error: unknown = await readFile(path).catch((thrown: unknown) => thrown);
    expect(asSystemError(error)).toMatchObject({ code: 'NOT_READABLE', message: expect.stringContaining(path) });
  });

  it('passes other errors on', () => {
    const error = failed({ code: 'EISDIR', syscall: 'read' });
    expect(asSystemError(error)).toBe(error);
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

describe('notOpened', () => {
  it.each([
    ['ENOENT', 'FILE_MISSING', 'Image not found: a.png.'],
    ['EACCES', 'NOT_READABLE', 'No permission to read a.png.'],
  ])('converts %s to %s', (code, expected, message) => {
    const error = notOpened('Image', 'a.png', Object.assign(new Error('open'), { code }));
    expect(error).toMatchObject({ code: expected, message });
  });
});

const ENDED = 2 ** 22 + 5;

async function folderWith(names: readonly string[]): Promise<string> {
  const folder = await temporaryFolder();
  for (const name of names) await writeFile(join(folder, name), '');
  return folder;
}

describe('sweepTemporaries', () => {
  it('removes only what dead processes of this process table left, including folders', async () => {
    const others = ['a.json', '.a.json.old.tmp', '.a.json.12.tmp', `.a.json.${process.pid}.0a1b2c3d.tmp`];
    const dead = [`.a.json.${ENDED}.${processTableTag()}0a1b2c.tmp`, `.b.json.${ENDED}.0a1b2c3d.tmp`];
    const folder = await folderWith([...others, ...dead, basename(temporaryPathBeside('/x/a.json'))]);
    await mkdir(join(folder, `.c.${ENDED}.${processTableTag()}0a1b2c.tmp`, 'd'), { recursive: true });
    await sweepTemporaries(folder);
    const left = (await readdir(folder)).filter((name) => !others.includes(name));
    expect(left).toEqual([expect.stringMatching(`^\\.a\\.json\\.${process.pid}\\.[0-9a-f]{12}\\.tmp$`)]);
  });

  it('keeps files of another machine until they are unchanged for an hour', async () => {
    const name = `.a.json.${ENDED}.ffffff0a1b2c.tmp`;
    const folder = await folderWith([name]);
    await sweepTemporaries(folder);
    expect(await readdir(folder)).toEqual([name]);
    const before = new Date(Date.now() - 3_700_000);
    await utimes(join(folder, name), before, before);
    await sweepTemporaries(folder);
    expect(await readdir(folder)).toEqual([]);
  });

  it('removes all temporaries for the only writer, also those of other processes', async () => {
    const running = temporaryPathBeside('/x/a.json');
    const other = `.b.json.${ENDED}.ffffff0a1b2c.tmp`;
    const folder = await folderWith([basename(running), `.a.json.${ENDED}.ffffff0a1b2c.tmp`, other]);
    await sweepTemporaries(folder, { of: (target) => target === 'a.json', sole: true });
    expect(await readdir(folder)).toEqual([other]);
  });

  it('does nothing if the folder does not exist', async () => {
    await sweepTemporaries(join(await temporaryFolder(), 'nowhere'));
  });
});

describe('copyChangingFile', () => {
  it('copies a file, also over another one', async () => {
    const folder = await folderWith([]);
    await writeFile(join(folder, 'a'), 'content');
    await writeFile(join(folder, 'b'), 'a longer content');
    await copyChangingFile(join(folder, 'a'), join(folder, 'b'));
    expect(await readFile(join(folder, 'b'), 'utf8')).toBe('content');
    await expect(copyChangingFile(join(folder, 'absent'), join(folder, 'b'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('ends although the file becomes shorter meanwhile', async () => {
    const folder = await folderWith(['a']);
    const bytes = 2 ** 32;
    await truncate(join(folder, 'a'), bytes);
    const copied = copyChangingFile(join(folder, 'a'), join(folder, 'b'));
    await expect.poll(async () => (await stat(join(folder, 'b')).catch(() => ({ size: 0 }))).size).toBeGreaterThan(0);
    await truncate(join(folder, 'a'), 1_000);
    await copied;
    expect((await stat(join(folder, 'b'))).size).toBeLessThan(bytes);
  });
});
