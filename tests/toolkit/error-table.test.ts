import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { errorTable } from '../../toolkit/error-table.ts';

test('ARCHITECTURE.md holds the table of errors as the code has it', async () => {
  const text = await readFile(new URL('../../ARCHITECTURE.md', import.meta.url), 'utf8');
  const told = text.split('<!-- errors -->\n')[1]?.split('\n<!-- end of errors -->')[0];
  expect(told, 'write it with `npx tsx scripts/write-error-table.ts`').toBe(errorTable());
});
