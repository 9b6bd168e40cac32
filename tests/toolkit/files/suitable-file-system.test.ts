import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  ensureSuitableFileSystem,
  type FolderOperations,
  probeFileSystem,
} from '../../../toolkit/files/suitable-file-system.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

/** The file system of this machine, except for what a test changes. */
const GOOD: FolderOperations = {
  mkdir,
  create: (path, text) => writeFile(path, text, { flag: 'wx' }),
  overwrite: async (path, text) => {
    const old = await readFile(path, 'utf8');
    await writeFile(path, text + old.slice(text.length));
  },
  append: (path, text) => writeFile(path, text, { flag: 'a' }),
  read: (path) => readFile(path, 'utf8'),
  list: (path) => readdir(path),
  rename,
  rmdir,
  remove: (path) => rm(path, { recursive: true, force: true }),
};

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe('probeFileSystem', () => {
  it('accepts a disk, leaves nothing and takes a moment', async () => {
    const folder = await temporaryFolder();
    await probeFileSystem(folder, GOOD);
    await ensureSuitableFileSystem(folder);
    expect(await readdir(folder)).toEqual([]);
  });

  it('accepts a file system that reports a lost race as a permission error, like sshfs', async () => {
    const asPermission = () => {
      throw failure('EPERM');
    };
    await probeFileSystem(await temporaryFolder(), {
      ...GOOD,
      create: (path, text) => GOOD.create(path, text).catch(asPermission),
      rename: (from, to) => rename(from, to).catch(asPermission),
    });
  });

  it.each<[string, Partial<FolderOperations>, RegExp]>([
    [
      'exclusive creation',
      { create: (path, text) => writeFile(path, text) },
      /lets two processes create the same file/,
    ],
    ['appending', { append: (path, text) => writeFile(path, text) }, /loses data written/],
    ['writing over', { overwrite: async () => undefined }, /loses data written/],
    ['a rename over a file', { rename: noRenameOver }, /lacks basic file operations/],
    ['a rename that copies', { rename: copy }, /does not replace a file in one step/],
    ['a rename over a folder in use', { rename: mergeFolders }, /lets two processes create the same folder/],
    ['keeping a full folder', { rmdir: (path) => rm(path, { recursive: true }) }, /deletes a folder that is not empty/],
    ['appending at all', { append: () => Promise.reject(failure('ENOTSUP')) }, /lacks basic file operations/],
  ])('refuses a file system without %s', async (_, change, message) => {
    const folder = await temporaryFolder();
    const probe = probeFileSystem(folder, { ...GOOD, ...change });
    await expect(probe).rejects.toMatchObject({ code: 'FILESYSTEM_UNSUITABLE', retryable: false });
    await expect(probe).rejects.toThrow(message);
    await expect(probe).rejects.toThrow(folder);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(['ENOSPC', 'EROFS'])('does not report %s, which the code that writes there does', async (code) => {
    const create = () => Promise.reject(failure(code));
    // A create that fails wins no race, and then there is no file to read.
    await probeFileSystem(await temporaryFolder(), { ...GOOD, create });
    await probeFileSystem(await temporaryFolder(), { ...GOOD, mkdir: create });
  });
});

async function noRenameOver(from: string, to: string): Promise<void> {
  if ((await readFile(to).catch(() => undefined)) !== undefined) throw failure('EPERM');
  await rename(from, to);
}

async function copy(from: string, to: string): Promise<void> {
  const text = await readFile(from, 'utf8').catch(() => undefined);
  if (text === undefined) await rename(from, to);
  else await writeFile(to, text);
}

async function mergeFolders(from: string, to: string): Promise<void> {
  if ((await readFile(from).catch(() => undefined)) !== undefined) return rename(from, to);
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) await rename(join(from, name), join(to, name));
}
