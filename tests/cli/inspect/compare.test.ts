import { expect, it } from 'vitest';
import { scoreLines } from '../../../cli/inspect/compare.ts';

const NAME = 'RUMC: reader P1|AI, pd-l1 negative tumor cell';
const interval = { low: -0.2, high: 0.1, dropped: 0 };
const SCORES = [
  { name: 'Overall', a: 0.5, b: 0.51, difference: 0.01 },
  { name: NAME, a: 0.6, b: 0.5, difference: -0.1, interval },
  { name: 'Stroma', a: 0.5, b: 0.5, difference: 0 },
];

it('lists scores that differ as a table, largest difference first', () => {
  expect(scoreLines(SCORES, undefined)).toEqual([
    `  ${' '.repeat(NAME.length)}       A       B    B - A   95 % interval`,
    `  ${NAME}  0.6000  0.5000  -0.1000   -0.2000 to +0.1000`,
    `  ${'Overall'.padEnd(NAME.length)}  0.5000  0.5100  +0.0100   -`,
  ]);
  expect(scoreLines(SCORES, 100)).toEqual(scoreLines(SCORES, undefined));
});

it.each([40, 80])('puts the numbers below the names on a terminal of %i columns', (columns) => {
  const lines = scoreLines(SCORES, columns);
  const numbers = lines.filter((line) => line.startsWith('    '));
  expect(numbers.every((line) => line.length <= columns)).toBe(true);
  expect(lines[1]).toBe(`  ${NAME}`);
  expect(numbers.join(' ')).toMatch(/0\.6000 {2}0\.5000 {2}-0\.1000\s+-0\.2000 to \+0\.1000/);
});
