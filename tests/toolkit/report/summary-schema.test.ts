import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { summarySchema } from '../../../toolkit/report/summary.ts';

it('the published schema of summary.json is that of the code (scripts/write-summary-schema.ts)', async () => {
  const text = await readFile(new URL('../../../docs/summary.schema.json', import.meta.url), 'utf8');
  expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(summarySchema())));
});
