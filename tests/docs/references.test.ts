import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { packageFile } from '../../config/package-files.ts';
import { REFERENCES } from '../../scripts/references.ts';

it.each(Object.entries(REFERENCES))('docs/%s agrees with the code', async (name, write) => {
  const written = await readFile(packageFile(`docs/${name}`), 'utf8');
  expect(written, 'Write it with `npx tsx scripts/write-references.ts`.').toBe(write());
});

it.each(['Dockerfile', 'docker/reignite.def'])('%s copies every folder that the package needs to run', async (name) => {
  const { files } = z
    .object({ files: z.array(z.string()) })
    .parse(JSON.parse(await readFile(packageFile('package.json'), 'utf8')));
  const recipe = await readFile(packageFile(name), 'utf8');
  const needed = files.filter((path) => /^(bin|dist|config|toolkit|workflows|data)\b/.test(path));
  expect(needed).toContain('toolkit/report/page/static');
  expect(needed.filter((path) => !recipe.includes(` ${path}\n`) && !recipe.includes(` ${path} /app`))).toEqual([]);
});
