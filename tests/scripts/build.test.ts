import { copyFile, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/in-temporary-folder.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['cli', 'runtime', 'workflows', 'activities', 'toolkit', 'config', 'exports', 'scripts'];
const SETTINGS = {
  compilerOptions: { rootDir: '.', module: 'nodenext', target: 'es2024', types: [], lib: ['es5'] },
  files: ['client.ts'],
};

/** Makes a checkout with hardly any sources. */
async function smallCheckout(): Promise<string> {
  const checkout = await temporaryFolder();
  for (const folder of FOLDERS) await mkdir(join(checkout, folder));
  await copyFile(join(ROOT, 'scripts/build.js'), join(checkout, 'scripts/build.js'));
  await symlink(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
  await writeFile(join(checkout, 'package.json'), '{ "type": "module" }');
  for (const file of ['tsconfig.json', 'tsconfig.build.json'])
    await writeFile(join(checkout, file), JSON.stringify(SETTINGS));
  for (const file of ['client.ts', 'worker.ts', 'worker-process.ts'])
    await writeFile(join(checkout, file), 'export const one = 1;');
  return checkout;
}

it('says what cannot be written, and compiles once it can', async () => {
  const checkout = await smallCheckout();
  const { ensureBuilt, BuildError } = await import(pathToFileURL(join(checkout, 'scripts/build.js')).href);
  // A file instead of the folder is refused to every user, root included.
  await writeFile(join(checkout, 'dist'), '');
  expect(ensureBuilt).toThrow(
    expect.objectContaining({
      constructor: BuildError,
      code: 'NOT_WRITABLE',
      message: `The sources in ${checkout}/ must be compiled, but ${checkout}/dist cannot be written (EEXIST).`,
      remedy: expect.stringContaining('delete dist/'),
    }),
  );
  await rm(join(checkout, 'dist'));
  ensureBuilt();
  expect(await readdir(join(checkout, 'dist'))).toEqual(['.sources.json', 'client.js']);
  expect((await readdir(checkout)).filter((name) => name.startsWith('.dist-'))).toEqual([]);
});
