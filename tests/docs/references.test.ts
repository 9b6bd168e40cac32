import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { packageFile } from '../../config/package-files.ts';
import { REFERENCES } from '../../scripts/references/references.ts';

it.each(Object.entries(REFERENCES))('docs/%s agrees with the code', async (name, write) => {
  const written = await readFile(packageFile(`docs/${name}`), 'utf8');
  expect(written, 'Write it with `npx tsx scripts/write-references.ts`.').toBe(write());
});
