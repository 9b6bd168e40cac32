import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fitted } from '../../cli/output.ts';

const screen = (columns: number) => ({ isTTY: true, columns });

it('wraps lines between words, with the indentation of the first line', () => {
  expect(fitted('error USAGE: There is no profile.\n  Run it with --help.', screen(20))).toBe(
    'error USAGE: There\nis no profile.\n  Run it with\n  --help.',
  );
});

it('keeps a number with its unit, and moves a line that starts in the middle of the terminal to the left', () => {
  expect(fitted('most differ (1.7 %), 12 px apart', screen(17))).toBe('most differ\n(1.7 %), 12 px\napart');
  const remedy = `${' '.repeat(25)}Install the driver of the GPU.`;
  expect(fitted(remedy, screen(40))).toBe(`${' '.repeat(6)}Install the driver of the GPU.`);
  expect(fitted(remedy, screen(60))).toBe(remedy);
});

it('does not change text for files and pipes, or words longer than a line', () => {
  const path = '/a/very/long/path/that/is/longer/than/a/line';
  expect(fitted(`see ${path}`, screen(20))).toBe(`see\n${path}`);
  expect(fitted(`see ${path} now`, { isTTY: false, columns: 20 })).toBe(`see ${path} now`);
});

it('loses no word, and makes no line wider than the terminal except for a single long word', () => {
  const word = fc.stringMatching(/^[a-zA-Zµ0-9./`-]{1,30}$/);
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 10, max: 200 }),
      (words, columns) => {
        const rows = fitted(words.join(' '), screen(columns)).split('\n');
        expect(rows.join(' ').split(' ')).toEqual(words);
        for (const row of rows) expect(row.length <= columns || !row.includes(' ')).toBe(true);
      },
    ),
  );
});
