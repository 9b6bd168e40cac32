import { readdirSync, readFileSync } from 'node:fs';
import { stat, symlink, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../../config/package-files.ts';
import { inside, makeFolder, makeFolderSync } from '../../../toolkit/files/folders.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';

const folder = suiteFolder();
const WAYS: readonly (readonly [string, (path: string) => Promise<unknown>])[] = [
  ['makeFolder', (path) => makeFolder(path)],
  ['makeFolderSync', async (path) => makeFolderSync(path)],
];

describe.each(WAYS)('%s', (name, make) => {
  const at = (...words: string[]) => join(folder(), name, ...words);

  it('makes a folder and its parents, and accepts an existing one', async () => {
    await make(at('a', 'b', 'c'));
    await make(at('a', 'b', 'c'));
    expect((await stat(at('a', 'b', 'c'))).isDirectory()).toBe(true);
  });

  it('rejects a file in the way, and a dangling link', async () => {
    await make(at());
    await writeFile(at('file'), '');
    await symlink(at('nowhere'), at('link'));
    for (const path of [at('file'), at('file', 'below'), at('file', 'far', 'below'), at('link'), at('link', 'below')]) {
      await expect(make(path), path).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
    }
  });

  it('reports a name that is too long', async () => {
    await expect(make(at('n'.repeat(256)))).rejects.toMatchObject({ code: 'NAME_TOO_LONG' });
  });

  it.runIf(process.platform === 'linux')(
    'returns even where the system cannot make folders, as below /proc',
    async () => {
      await expect(make('/proc/reignite/folder')).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
    },
  );
});

it('returns the first folder that was missing', async () => {
  const path = join(folder(), 'first', 'second');
  expect(await makeFolder(path)).toBe(join(folder(), 'first'));
  expect(await makeFolder(path)).toBeUndefined();
});

it('lets many processes make the same folder at the same time', async () => {
  const path = join(folder(), 'shared', 'by', 'many');
  await Promise.all(Array.from({ length: 20 }, () => makeFolder(path)));
  expect((await stat(path)).isDirectory()).toBe(true);
});

it('is used for all folders with parents in the sources', () => {
  const others = ['activities', 'cli', 'config', 'runtime', 'toolkit', 'workflows'].flatMap((part) =>
    readdirSync(join(PACKAGE_ROOT, part), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => /\bmkdir(Sync)?\([^;]*recursive/.test(readFileSync(path, 'utf8'))),
  );
  expect(others.map((path) => relative(PACKAGE_ROOT, path))).toEqual([]);
});

describe('inside', () => {
  it.each(['a', 'a/b.png', './a', 'a/../b', '..a'])('accepts %s', (path) => {
    expect(inside('/data', path)).toBe(resolve('/data', path));
  });

  it.each(['..', '../a', 'a/../../b', '/etc/passwd'])('refuses %s', (path) => {
    expect(() => inside('/data', path)).toThrow(expect.objectContaining({ code: 'PATH_TRAVERSAL' }));
  });
});
