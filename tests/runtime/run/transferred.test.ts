import { expect, it } from 'vitest';
import { transferred } from '../../../runtime/run/run-progress.ts';

it('counts complete files, and the downloaded share of a file in progress', () => {
  const files = [
    { key: 'a.zip', size: 1_000, state: 'done' },
    { key: 'b.zip', size: 400, state: 'unpacking' },
    { key: 'c.zip', size: 600, state: 'fetching' },
    { key: 'd.zip', size: 500, state: 'fetching' },
    { key: 'e.zip', size: 8_000, state: 'waiting' },
  ] as const;
  // Of an archive only the wanted members are fetched: half of them are half of the file here.
  const beats = [{ file: 'c.zip', bytes: 10, of: 20 }, { file: 'b.zip', bytes: 1, of: 9 }, {}];
  expect(transferred(files, beats)).toEqual({ done: 1_700, of: 10_500 });
});
