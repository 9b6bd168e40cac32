import { expect, it } from 'vitest';
import { createProgram } from '../../cli/main.ts';

function helpAt(columns: number): readonly string[] {
  const program = createProgram({ signal: new AbortController().signal, exitWith: () => undefined });
  program.configureOutput({ getOutHelpWidth: () => columns });
  return program.helpInformation().split('\n');
}

it('puts descriptions below their commands on a narrow terminal, without breaking words', () => {
  const lines = helpAt(40);
  const run = lines.indexOf('  run [options]');
  expect(lines.slice(run + 1, run + 3)).toEqual([
    '      start a run, or attach to the open',
    '      run with the same configuration',
  ]);
  const described = lines.slice(0, lines.indexOf('Examples:'));
  expect(described.filter((line) => line.length > 40)).toEqual([]);
});

it('puts descriptions next to their commands on a wide one', () => {
  expect(helpAt(100)).toContainEqual(expect.stringMatching(/^ {2}run \[options\] {2,}start a run, or attach/));
});
