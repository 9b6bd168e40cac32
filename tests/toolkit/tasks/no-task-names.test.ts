import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { TASKS } from '../../../config/tasks.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Where task names are defined. */
const DEFINED_IN = /^(toolkit\/tasks|config)\//;
const names = `['"\`](?:${TASKS.join('|')})['"\`]`;
const COMPARISON = new RegExp(
  `(?:[!=]==? ?${names})|(?:${names} ?[!=]==?)|(?:case ${names})|(?:includes\\(${names}\\))`,
);

it('no file outside toolkit/tasks and config depends on the name of a task', () => {
  const listed = execFileSync('git', ['ls-files', '*.ts', '*.js', '*.mjs'], { cwd: ROOT, encoding: 'utf8' });
  const sources = listed.split('\n').filter((file) => file !== '' && !/^(tests|bench)\//.test(file));
  expect(sources.length).toBeGreaterThan(300);
  const asking = sources
    .filter((file) => !DEFINED_IN.test(file))
    .flatMap((file) => {
      const lines = readFileSync(join(ROOT, file), 'utf8').split('\n');
      return lines.flatMap((line, k) => (COMPARISON.test(line) ? [`${file}:${k + 1} ${line.trim()}`] : []));
    });
  expect(asking).toEqual([]);
});
