import { expect, it } from 'vitest';
import { findMarks } from '../../scripts/prose/marks.ts';
import { markdownFiles, readMarkdown } from './markdown.ts';

/** Made from the texts of the code, which `npx tsx scripts/check-prose.ts` lists. */
const GENERATED = ['docs/cli.md', 'docs/configuration.md', 'docs/errors.md'];

it.each(markdownFiles().filter((page) => !GENERATED.includes(page)))('%s is in plain words', (page) => {
  const text = readMarkdown(page).replaceAll(/`[^`\n]*`/g, '``');
  expect(findMarks(text).map(({ line, words, mark }) => `${line}: "${words}": ${mark.instead}`)).toEqual([]);
});

it('finds what it is meant to find', () => {
  const found = (text: string) => findMarks(text).map(({ mark }) => mark.name);
  expect(found('an activity an ROI, once a user')).toEqual(['an X a Y', 'an X a Y']);
  expect(found('The run goes on; somebody has begun it.')).toEqual(['go on', 'begun, anew', 'somebody']);
  expect(found('It is no mask and lies beside it.')).toEqual(['lie, stand', 'beside', 'is no X']);
  expect(found('There is no mask. It is no longer there. One activity per ROI, at most a second.')).toEqual([]);
});
