import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { packageFile } from '../../config/package-files.ts';
import { LONGEST } from '../../scripts/longest-first.ts';

it('names test files that there are', () => {
  expect(LONGEST.filter((name) => !existsSync(packageFile(name)))).toEqual([]);
});
