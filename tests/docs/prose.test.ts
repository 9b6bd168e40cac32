import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { codeProse, findMarks } from '../../scripts/prose.ts';
import { markdownFiles, readMarkdown } from './markdown.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What defines the marks, and this test of them. */
const DEFINITIONS = ['scripts/prose.ts', 'tests/docs/prose.test.ts'];

const problemsIn = (text: string) =>
  findMarks(text).map(({ line, words, mark }) => `${line}: "${words}": ${mark.instead}`);

it.each(markdownFiles())('%s is in plain words', (page) => {
  expect(problemsIn(readMarkdown(page).replaceAll(/`[^`\n]*`/g, '``'))).toEqual([]);
});

it('comments and messages in code are in plain words', () => {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.js'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const files = listed.split('\n').filter((path) => path !== '' && !DEFINITIONS.includes(path));
  expect(files.length).toBeGreaterThan(500);
  const found = files
    .filter((path) => !path.startsWith('tests/fixtures/'))
    .flatMap((path) => problemsIn(codeProse(readFileSync(`${ROOT}${path}`, 'utf8'))).map((text) => `${path}:${text}`));
  expect(found).toEqual([]);
});

it('finds what it is meant to find', () => {
  const found = (text: string) => findMarks(text).map(({ mark }) => mark.name);
  expect(found('an activity an ROI, once a user')).toEqual(['an X a Y', 'an X a Y']);
  expect(found('The run goes on; somebody has begun it.')).toEqual(['go on', 'begun, anew', 'somebody']);
  expect(found('It is no mask and lies beside it.')).toEqual(['lie, stand', 'beside', 'is no X']);
  expect(found('There is no mask. It is no longer there. One activity per ROI, at most a second.')).toEqual([]);
});
